"""The order of the candidates: features, fusion, late interaction and the cross-encoder's word."""

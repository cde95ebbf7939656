"""Which models there are and where their files lie: profiles, manifests, and pulling from a model hub.

`catalogue.Catalogue` lists the models of this machine, `pulling.pull` fetches one.
"""

"""The models that can be named and their files: profiles, manifests, and pulling from a model hub.

`catalogue.Catalogue` lists the models of this machine, `pulling.pull` downloads one.
"""

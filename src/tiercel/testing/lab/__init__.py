"""Simulated providers over real sockets, in the providers' own formats. Says so in every answer it gives.

`server.Lab` serves; what a model says stands in `behaviour.py`, what is assumed of the models in `models.py`, recorded
answers in `recorded.py`. No figure that comes out of it says anything about a real model.
"""

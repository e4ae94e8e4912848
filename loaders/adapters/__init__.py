"""Other people's loaders under our contract: a file for each library, imported only when it is asked for."""

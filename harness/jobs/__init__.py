"""What a child can be told to do; each module has one function, ``work(channel, **arguments)``."""

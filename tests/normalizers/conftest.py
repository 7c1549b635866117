from hypothesis import settings

# Two shared cores: a pause of the machine is no failure of the code.
settings.register_profile("shared", deadline=None)
settings.load_profile("shared")

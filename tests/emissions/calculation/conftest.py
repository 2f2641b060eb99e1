from hypothesis import settings

# A busy machine is slow now and then; that is no falsified law.
settings.register_profile("no_deadline", deadline=None)
settings.load_profile("no_deadline")

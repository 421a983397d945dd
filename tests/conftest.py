"""What holds for every test: an example that hypothesis makes has no deadline, since a busy machine is no defect."""

import hypothesis

hypothesis.settings.register_profile("noegress", deadline=None)
hypothesis.settings.load_profile("noegress")

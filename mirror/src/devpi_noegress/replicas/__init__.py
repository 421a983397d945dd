"""Another mirror's admitted files, served also while that one is down."""

"""What pip, uv and conda read themselves: variables, configuration, options, requirements."""

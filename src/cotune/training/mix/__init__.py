"""Online mixing: how often each dataset is drawn from changes while a model trains, one file each."""

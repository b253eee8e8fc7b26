"""What is looked at before somebody is called: settings, keys, servers, clocks, disk; what is wrong and what to do."""

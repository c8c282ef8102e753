"""Personal data: what is kept about whom, handed out when asked for, erased when asked for."""

"""How good an image is: measures by name, their agreement with people, ‖DSD‖ of whole folders."""

"""What stands on disk while a slide is being mapped, so that a killed run can go on."""

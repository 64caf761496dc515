"""What an attacker may try, class by class; docs/security.md is the index."""

"""How fast an endpoint is, as its users would see it: requests on a schedule, clocks from when each was due."""

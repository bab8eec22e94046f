"""The front door: one port, every request bounded, checked and routed."""

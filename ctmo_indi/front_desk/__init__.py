"""The XML-RPC server: strict decoder, limits, callers, faults. It serves any Desk."""

"""What a Work Order is: contract, life cycle, priority, and the desk that takes it. No sockets."""

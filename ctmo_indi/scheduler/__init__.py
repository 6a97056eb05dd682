"""The Scheduler CSC: summary states, start-up, modes, orders and the scheduler's front desk."""

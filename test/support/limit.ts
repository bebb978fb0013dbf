/**
 * How long a test may take that waits for processes or sockets, in milliseconds. Only one that hangs takes so long: a process that starts in a
 * second on a machine with nothing else to do took twenty on a busy one.
 */
export const limitMillis = 600_000

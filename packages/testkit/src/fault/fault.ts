/**
 * The behavior of the network. `pass` forwards everything. `refuse` refuses new connections and resets existing ones.
 * `blackhole` accepts data and responds nothing, like a cut cable. `delay` delays everything by this many milliseconds
 * in each direction, with a resolution of a tenth. `cutAfter` resets a connection after this many more bytes from the
 * server, possibly in the middle of a message. `atMost` resets new connections while this many exist; `refuseEvery`
 * resets every nth new connection.
 */
export type Fault =
  | 'pass'
  | 'refuse'
  | 'blackhole'
  | { readonly delay: number }
  | { readonly cutAfter: number }
  | { readonly atMost: number }
  | { readonly refuseEvery: number };

/**
 * What the network does. `pass` lets everything through. `refuse` refuses new connections and resets those there are.
 * `blackhole` takes what is sent and answers nothing, as behind a cut cable. `delay` holds everything back for so many
 * milliseconds each way, to a tenth of one. `cutAfter` resets a connection after so many bytes more from the server, in the
 * middle of a message if it comes so. `atMost` resets new connections while so many are there; `refuseEvery` resets every
 * nth new connection.
 */
export type Fault =
  | 'pass'
  | 'refuse'
  | 'blackhole'
  | { readonly delay: number }
  | { readonly cutAfter: number }
  | { readonly atMost: number }
  | { readonly refuseEvery: number };

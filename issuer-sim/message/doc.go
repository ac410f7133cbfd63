// Package message is what the issuer goes by in an ISO 8583 message, and the values that it is made of: card numbers
// and ids ([Digits]), RRNs ([Reference]), ARNs, response codes ([Code]), and what tells messages apart ([Moment]).
//
// A [Request] is read from a message of any dialect; what is wrong with it is a *spec.FieldError that names the
// element. Of track, PIN and CVC nothing stays in it but the expiry and whether the CVC is the right one. All values
// are of a fixed size and hold no pointer, so that millions of them cost the garbage collector nothing.
package message

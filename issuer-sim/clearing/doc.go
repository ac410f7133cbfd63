// Package clearing takes the clearing files that an acquirer hands in, against the books: each presentment settles its
// posting, makes one where there is none, or takes one back, once.
//
// A file is verified as a whole before anything is done. One that was cut short by a crash may be handed in again: what
// it did is found done. The format is of package switch/clearing, the one thing beside the dialects that the issuer
// shares with the switch.
package clearing

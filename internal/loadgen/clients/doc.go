// Package clients is what the drivers connect with: several connections to a gateway port or to an issuer, one that
// connects anew when the switch went away, and a log of what the switch answered on any of them, which the audit reads.
//
// A client of a gateway port serves both kinds of drivers, loads ([Lanes]) and days ([Players]).
package clients

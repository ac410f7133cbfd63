package daemons

import "net"

// Where the daemons listen unless they are told otherwise.
const (
	DefaultGateway  = "127.0.0.1:7583"
	DefaultOperator = "127.0.0.1:9583"
	DefaultISO      = "127.0.0.1:8583" // of issuer-sim, as the next
	DefaultControl  = "127.0.0.1:9584"
)

// freePort asks for any free port of loopback.
const freePort = "127.0.0.1:0"

// Listening is what a daemon writes into its ready file.
type Listening struct {
	ISO      string `json:"iso"`
	Gateway  string `json:"gateway"`
	Operator string `json:"operator"`
	Control  string `json:"control"`
}

// ifFree returns the address if nothing listens there, else any free port of loopback.
func ifFree(addr string) string {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return freePort
	}
	if err := l.Close(); err != nil {
		return freePort
	}
	return addr
}

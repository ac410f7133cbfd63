package server

import (
	"fmt"

	"switchyard/issuer-sim/message"
	"switchyard/spec"
)

// Require is what a host may ask of whoever connects, beyond what it needs to answer.
type Require struct {
	// SignOn refuses everything but a sign-on (0800, DE70 001) with 91 until one was approved, and after a sign-off.
	SignOn bool
	// MAC refuses what has no DE64 or 128, network management aside, with 63. No MAC is verified: there is no key.
	MAC bool
	// Elements refuses what lacks an element of its kind, or has one that its kind has not, with 30.
	Elements bool
	// Also are elements that Elements takes in each kind of message, and Without those that it does not miss in any.
	Also, Without []int
}

// check refuses elements that there are none of.
func (r *Require) check() error {
	for _, one := range []struct {
		key string
		des []int
	}{{"also", r.Also}, {"without", r.Without}} {
		for _, de := range one.des {
			switch {
			case de < 2 || de > spec.MaxDE:
				return fmt.Errorf("%s: %d: expected 2 to %d", one.key, de, spec.MaxDE)
			case !r.Elements:
				return fmt.Errorf("%s: given without elements", one.key)
			}
		}
	}
	return nil
}

// Network management, DE70.
const (
	networkSignOn  = "001"
	networkSignOff = "002"
)

// refused answers a request that does not do what is required; false if it does.
func (w *worker) refused() bool {
	need := &w.server.require
	network := w.req.MTIBytes()[1] == '8'
	switch {
	case need.SignOn && !w.signedOn && !(network && string(w.req.Bytes(70)) == networkSignOn):
		w.bad(badSignOn, &spec.FieldError{DE: -1, Offset: -1, Want: "a sign-on before " + w.req.MTI()}, nil)
		w.simple(message.CodeUnavailable)
		return true
	case need.MAC && !network && !w.req.Has(64) && !w.req.Has(128):
		w.bad(badMAC, message.Missing(64, "a MAC, there or in DE128"), nil)
		w.simple(message.CodeSecurity)
		return true
	case !need.Elements:
		return false
	}
	if err := message.CheckElements(&w.req, need.Also, need.Without); err != nil {
		w.bad(badElements, err, nil)
		w.simple(message.CodeFormat)
		return true
	}
	return false
}

// sign notes an answered sign-on or sign-off.
func (w *worker) sign(network, code string) {
	switch {
	case network == networkSignOn && code == message.CodeApproved:
		w.signedOn = true
	case network == networkSignOff:
		w.signedOn = false
	}
}

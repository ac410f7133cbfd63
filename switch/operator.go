package txswitch

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"switchyard/switch/issuer/link"
	"switchyard/switch/operator"
)

const (
	operatorHeaderTimeout = 5 * time.Second
	// operatorGrace is how long a stopping switch goes on answering operators that have asked already.
	operatorGrace = time.Second
	heldMessage   = "the switch was put back to an earlier state and waits for its operator (switchctl restore review)"
)

// composeOperator makes the operator API, and its server where there is a port for it.
func (s *Switch) composeOperator() {
	s.api = operator.New(operator.Options{
		Journal: s.journal, Requests: s.flow, Queue: s.saf, Cutover: s.engine, Numbers: s.ids, Strays: s.strays,
		Clock: s.clock, Keyring: s.o.Keyring, Hosts: s.hosts, Issuers: s.issuers, Routes: s.router.table.Routes(), FS: s.o.FS,
		ClearingDir: s.o.FS.PathJoin(s.o.Config.Data, clearingDir), Reached: s.reached(),
		Begin: s.begin, Logger: s.o.Logger, Metrics: s.o.Registry,
	})
	if s.o.Operator != nil {
		s.operator = &http.Server{Handler: s.api.Handler(), ReadHeaderTimeout: operatorHeaderTimeout}
	}
}

// reached are the hosts of the configured address and of the listener.
func (s *Switch) reached() (hosts []string) {
	addresses := []string{s.o.Config.Operator.Listen}
	if s.o.Operator != nil {
		addresses = append(addresses, s.o.Operator.Addr().String())
	}
	for _, address := range addresses {
		if host, _, err := net.SplitHostPort(address); err == nil && host != "" {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// begin starts what a held switch left, once its operator has confirmed it.
func (s *Switch) begin() error {
	if err := s.work(s.running); err != nil {
		s.failed <- err
		return err
	}
	s.flow.Hold("")
	return nil
}

// stray takes a response that completed no request: a late answer goes to its payment, all go to the log.
func (s *Switch) stray(l link.Late) {
	of := ""
	if id, ok := s.flow.Late(l); ok {
		of = id.String()
	}
	s.strays.Response(l, of)
}

// Stats returns where the switch stands.
func (s *Switch) Stats() operator.Stats { return s.api.Stats() }

// Unready returns why the switch does not serve everything yet, or "".
func (s *Switch) Unready() string { return s.api.Unready() }

// closeOperator ends the operator API, whether it was served or not.
func (s *Switch) closeOperator() error {
	ctx, cancel := context.WithTimeout(context.Background(), operatorGrace)
	defer cancel()
	if s.operator.Shutdown(ctx) != nil {
		_ = s.operator.Close() // cuts off who reads too slowly
	}
	if err := s.o.Operator.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

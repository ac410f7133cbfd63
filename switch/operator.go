package txswitch

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"time"

	"go.uber.org/zap"

	"switchyard/internal/webconns"
	"switchyard/switch/issuer/link"
	"switchyard/switch/operator"
)

const (
	operatorHeaderTimeout = 5 * time.Second
	// operatorIdleTimeout is how long an operator's connection may be quiet between two requests.
	operatorIdleTimeout = 2 * time.Minute
	// operatorConnections is how many connections operators have; of more the one that is quiet for longest gives way.
	operatorConnections = 256
	// operatorGrace is how long a stopping switch goes on answering operators that have asked already.
	operatorGrace = time.Second
	heldMessage   = "the switch was put back to an earlier state and waits for its operator (switchctl restore review)"
)

// composeOperator makes the operator API, and its server where there is a port or a socket file for it.
func (s *Switch) composeOperator() (err error) {
	o, c := &s.o, &s.o.Config.Operator
	s.api, err = operator.New(operator.Options{
		Journal: s.journal, Requests: s.flow, Queue: s.saf, Cutover: s.engine, Incoming: s.desk, Numbers: s.ids,
		Strays: s.strays, Reconciler: s.reconciler, Casebook: s.casebook, Clock: s.clock, Keyring: o.Keyring, Hosts: s.hosts,
		Issuers: s.issuers, Routes: s.router.table.Routes(), FS: o.FS,
		ClearingDir: o.FS.PathJoin(o.Config.Data, clearingDir), Reached: s.reached(), Certificate: certificate(o.OperatorTLS),
		Identities: c.list(), TwoPeople: c.TwoPeople, Begin: s.begin, Logger: o.Logger, Metrics: o.Registry,
	})
	if err != nil {
		return fmt.Errorf("operator.%w", err)
	}
	if o.OperatorTLS != nil && o.Operator != nil {
		o.Operator = tls.NewListener(o.Operator, o.OperatorTLS)
	}
	if o.Operator != nil || o.OperatorSocket != nil {
		s.operatorConns = webconns.New(operatorConnections)
		s.operator = &http.Server{
			Handler: s.api.Handler(), ReadHeaderTimeout: operatorHeaderTimeout, IdleTimeout: operatorIdleTimeout,
			ConnContext: operator.ConnContext, ConnState: s.operatorConns.State,
			ErrorLog: log.New(&serverLog{o.Logger.Named("operator")}, "", 0),
		}
	}
	return nil
}

// certificate is the one that a server of TLS shows.
func certificate(t *tls.Config) *x509.Certificate {
	if t == nil || len(t.Certificates) == 0 {
		return nil
	}
	return t.Certificates[0].Leaf
}

// serverLog takes what the HTTP server has to say. Strangers cause failed handshakes without bound.
type serverLog struct{ logger *zap.Logger }

func (l *serverLog) Write(line []byte) (int, error) {
	say := l.logger.Error
	if bytes.HasPrefix(line, []byte("http: TLS handshake error")) {
		say = l.logger.Debug
	}
	say(string(bytes.TrimSpace(line)))
	return len(line), nil
}

// serveOperator serves the API at all its doors, and says of each whom it asks who he is.
func (s *Switch) serveOperator() {
	for _, l := range []net.Listener{s.o.Operator, s.o.OperatorSocket} {
		if l == nil {
			continue
		}
		s.o.Logger.Info("operator API", zap.Stringer("at", l.Addr()), zap.String("asks", s.o.Config.Operator.asks()))
		s.serving.Go(func() {
			if err := s.operator.Serve(s.operatorConns.Listen(l)); !errors.Is(err, http.ErrServerClosed) {
				s.failed <- fmt.Errorf("operator API: %w", err)
			}
		})
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
func (s *Switch) stray(l link.Stray) {
	of := ""
	if id, ok := s.flow.Late(l); ok {
		of = id.String()
	}
	s.strays.Response(l, of)
}

// Stats returns where the switch stands.
func (s *Switch) Stats() operator.Stats { return s.api.Stats(context.Background()) }

// Unready returns why the switch does not serve everything yet, or "".
func (s *Switch) Unready() string { return s.api.Unready() }

// closeOperator ends the operator API, whether it was served or not.
func (s *Switch) closeOperator() error {
	ctx, cancel := context.WithTimeout(context.Background(), operatorGrace)
	defer cancel()
	if s.operator.Shutdown(ctx) != nil {
		_ = s.operator.Close() // cuts off who reads too slowly
	}
	var failed error
	for _, l := range []net.Listener{s.o.Operator, s.o.OperatorSocket} {
		if l == nil {
			continue
		}
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

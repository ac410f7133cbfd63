package txswitch

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"switchyard/switch/front"
	"switchyard/switch/front/lines"
)

// composeDoors makes what all doors share, and the doors.
func (s *Switch) composeDoors() (err error) {
	c := s.o.Config
	s.front, err = front.New(front.Options{
		Handler: s.flow, Gateways: c.Gateway.list(), MaxInFlight: c.Limits.MaxInFlight,
		MaxInFlightPerGateway: c.Gateway.MaxInFlightPerGateway, Registerer: s.o.Registry,
	})
	if err != nil {
		return err
	}
	doors := s.o.Doors
	if s.o.Gateway != nil {
		doors = append([]front.Open{s.openLines}, doors...)
	}
	for _, open := range doors {
		door, err := open(s.front)
		if err != nil {
			return err
		}
		s.doors = append(s.doors, door)
	}
	return nil
}

// openLines makes the first door: JSON lines over TCP, on the gateway port.
func (s *Switch) openLines(f *front.Front) (front.Door, error) {
	g := s.o.Config.Gateway
	return lines.New(lines.Options{
		Listener: s.o.Gateway, Front: f, MaxConnections: s.connections,
		MaxPerAddress:      g.MaxConnectionsPerAddress,
		MaxInFlightPerConn: g.MaxInFlightPerConnection, TLS: s.o.GatewayTLS,
		Logger: s.o.Logger.Named("gateway"), Registerer: s.o.Registry,
	})
}

// serveDoors takes callers. A door that fails ends the switch.
func (s *Switch) serveDoors() {
	for _, door := range s.doors {
		s.serving.Go(func() {
			if err := door.Serve(); err != nil {
				s.failed <- fmt.Errorf("%s: %w", door.Name(), err)
			}
		})
	}
}

// closeDoors takes nothing more in and waits for what is in flight, at all doors side by side, until ctx ends.
func (s *Switch) closeDoors(ctx context.Context) error {
	errs := make([]error, len(s.doors))
	var closing sync.WaitGroup
	for i, door := range s.doors {
		closing.Go(func() { errs[i] = door.Shutdown(ctx) })
	}
	closing.Wait()
	return errors.Join(errs...)
}

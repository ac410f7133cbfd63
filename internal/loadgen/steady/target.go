package steady

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"switchyard/internal/isotool"
	"switchyard/internal/loadgen"
	"switchyard/internal/loadgen/clients"
	"switchyard/internal/reach"
	"switchyard/spec/framing"
)

// target connects to what is to be measured.
func (o *Options) target(ctx context.Context, c *course) (loadgen.Target, func() error, error) {
	if o.ISO {
		return o.isoTarget(ctx, c)
	}
	log, err := clients.OpenTold(o.Told)
	if err != nil {
		return nil, nil, err
	}
	conns, err := o.dial(ctx, c, o.Hello)
	if err != nil {
		return nil, nil, errors.Join(err, log.Close())
	}
	var told loadgen.Told
	if log != nil {
		told = log
	}
	if c.payments != nil {
		target := loadgen.NewLineTarget(conns, c.drive.InFlight, *c.payments, told)
		return target, func() error { target.Close(); return log.Close() }, nil
	}
	target := loadgen.NewLineFlows(conns, c.drive.InFlight, c.traffic, told)
	return target, func() error { target.Close(); return log.Close() }, nil
}

// dial opens the connections, those of the hosts in turn.
func (o *Options) dial(ctx context.Context, c *course, hello clients.Hello) ([]net.Conn, error) {
	c.hello = hello
	expected := "the gateway port of switchd"
	if o.ISO {
		expected = "an ISO 8583 host"
	}
	var conns []net.Conn
	for round := 0; len(conns) < c.drive.Lanes; round++ {
		for _, h := range c.hosts {
			if h.connections <= round {
				continue
			}
			one, err := clients.DialGateway(ctx, h.address, 1, hello)
			if err != nil {
				for _, c := range conns {
					_ = c.Close() // nothing was asked on it
				}
				return nil, reach.Error(expected, h.address, err)
			}
			conns = append(conns, one...)
			c.lanes = append(c.lanes, h.address)
		}
	}
	return conns, nil
}

// signOnLimit is how long signing on may take.
const signOnLimit = 10 * time.Second

// keep has connections that are lost dialled anew, by the same hosts; nil where they are not.
func (o *Options) keep(target loadgen.Target, c *course) *loadgen.Redialer {
	keeper, ok := target.(loadgen.Keeper)
	if !ok || o.Reconnect == 0 {
		return nil
	}
	return keeper.Keep(func(ctx context.Context, lane int) (net.Conn, error) {
		conns, err := clients.DialGateway(ctx, c.lanes[lane], 1, c.hello)
		if err != nil {
			return nil, err
		}
		return conns[0], nil
	}, o.Reconnect)
}

func (o *Options) isoTarget(ctx context.Context, c *course) (loadgen.Target, func() error, error) {
	codec, err := isotool.OpenDialect(o.Dialect)
	if err != nil {
		return nil, nil, err
	}
	format, err := framing.Parse(o.Framing)
	if err != nil {
		return nil, nil, err
	}
	if err := format.Carries(codec); err != nil {
		return nil, nil, err
	}
	conns, err := o.dial(ctx, c, clients.Hello{TLS: o.Hello.TLS})
	if err != nil {
		return nil, nil, err
	}
	target, err := loadgen.NewISOTarget(conns, loadgen.ISOOptions{
		Codec: codec, Framing: format, Match: o.Match, Echo: o.Echo,
	}, c.drive.InFlight, c.traffic)
	if err != nil {
		for _, c := range conns {
			_ = c.Close() // nothing was asked on it
		}
		return nil, nil, err
	}
	return target, func() error { target.Close(); return nil }, nil
}

// signOn signs on where that is asked for. Lost connections are kept by then: one that has signed on and breaks while
// others do is dialled anew.
func (o *Options) signOn(ctx context.Context, target loadgen.Target) error {
	iso, ok := target.(*loadgen.ISOTarget)
	if !ok || !o.SignOn {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, signOnLimit)
	defer cancel()
	if err := iso.SignOn(ctx); err != nil {
		return fmt.Errorf("%w (is it framed and written as the host expects? switchctl iso probe finds out)", err)
	}
	return nil
}

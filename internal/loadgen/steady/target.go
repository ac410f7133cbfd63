package steady

import (
	"context"
	"time"

	"switchyard/internal/loadgen"
	"switchyard/internal/loadgen/clients"
	"switchyard/spec"
	"switchyard/switch/api"
)

// target connects to what is to be measured.
func (o *Options) target(ctx context.Context, lanes, inFlight int) (loadgen.Target, func() error, error) {
	payments := loadgen.Payments{
		Op: api.OpAuthorize, Run: loadgen.RunName(), Cards: loadgen.NewCards(time.Now()), Pool: o.Cards, Seed: o.Seed,
	}
	if o.Sale {
		payments.Op = api.OpSale
	}
	if o.ISO {
		return o.isoTarget(ctx, lanes, payments)
	}
	gateways, err := clients.Dial(ctx, o.Address, lanes, inFlight/lanes+1)
	if err != nil {
		return nil, nil, err
	}
	log, err := clients.OpenTold(o.Told)
	if err != nil {
		clients.CloseAll(gateways)
		return nil, nil, err
	}
	end := func() error {
		clients.CloseAll(gateways)
		return log.Close()
	}
	return loadgen.NewGatewayTarget(log.Lanes(clients.Lanes(gateways)), inFlight, payments), end, nil
}

func (o *Options) isoTarget(
	ctx context.Context, lanes int, payments loadgen.Payments,
) (loadgen.Target, func() error, error) {
	messages, err := spec.Load(o.Dialect)
	if err != nil {
		return nil, nil, err
	}
	codec, err := spec.Compile(messages)
	if err != nil {
		return nil, nil, err
	}
	conns, err := clients.DialISO(ctx, o.Address, lanes)
	if err != nil {
		return nil, nil, err
	}
	target := loadgen.NewISOTarget(conns, codec, payments)
	end := func() error {
		target.Close()
		return nil
	}
	return target, end, nil
}

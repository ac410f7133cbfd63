package steady

import (
	"context"
	"errors"
	"os"
	"strings"
	"time"

	"switchyard/internal/loadgen"
	"switchyard/internal/loadgen/clients"
	"switchyard/spec"
	"switchyard/spec/framing"
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
	log, err := clients.OpenTold(o.Told)
	if err != nil {
		return nil, nil, err
	}
	conns, err := clients.DialGateway(ctx, o.Address, lanes, o.Hello)
	if err != nil {
		return nil, nil, errors.Join(err, log.Close())
	}
	var told loadgen.Told
	if log != nil {
		told = log
	}
	target := loadgen.NewLineTarget(conns, inFlight, payments, told)
	end := func() error {
		target.Close()
		return log.Close()
	}
	return target, end, nil
}

func (o *Options) isoTarget(
	ctx context.Context, lanes int, payments loadgen.Payments,
) (loadgen.Target, func() error, error) {
	codec, err := openDialect(o.Dialect)
	if err != nil {
		return nil, nil, err
	}
	format, err := framing.Parse(o.Framing)
	if err != nil {
		return nil, nil, err
	}
	conns, err := clients.DialGateway(ctx, o.Address, lanes, clients.Hello{TLS: o.Hello.TLS})
	if err != nil {
		return nil, nil, err
	}
	target := loadgen.NewISOTarget(conns, codec, format, payments)
	end := func() error {
		target.Close()
		return nil
	}
	return target, end, nil
}

// openDialect opens a dialect by its name, or that of a JSON file with one's own.
func openDialect(name string) (*spec.Codec, error) {
	if !strings.HasSuffix(name, ".json") {
		return spec.Open(name)
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return spec.OpenFile(name, file)
}

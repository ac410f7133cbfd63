package txswitch

import (
	"context"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"switchyard/switch/issuer/identity"
	"switchyard/switch/issuer/reserve"
)

// Where an issuer's answers are known by their STAN alone its STANs are reserved until a late answer can come no more.
// Whatever may be in flight or queued holds its own.

// reserveSTANs makes an issuer's stream give no STAN too early, if that is of account.
func (s *Switch) reserveSTANs(x *IssuerConfig, stream *identity.Stream) error {
	ctx := context.Background()
	s.stanMetrics(x.Name, stream)
	if !x.stanAlone() {
		return stream.NotReserved(ctx)
	}
	err := stream.Reserve(ctx, identity.Reserve{
		Latest: x.latestAnswer(), Spare: s.o.Config.spareSTANs(), Used: slices.Contains(s.past.hosts, x.Name),
	})
	if err != nil {
		return err
	}
	if s.alone == nil {
		s.alone = map[string]*identity.Stream{}
	}
	s.alone[x.Name] = stream
	return nil
}

// stanMetrics counts an issuer's reserved STANs; where none are, there are none.
func (s *Switch) stanMetrics(host string, stream *identity.Stream) {
	labels := prometheus.Labels{"host": host}
	s.o.Registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "switchyard_stans_reserved", ConstLabels: labels,
			Help: "STANs that are not given: the answer to their last use may still come.",
		}, func() float64 { n, _ := stream.Reserved(); return float64(n) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "switchyard_stans_refused_total", ConstLabels: labels,
			Help: "Messages that were refused, since no STAN was free.",
		}, func() float64 { _, n := stream.Reserved(); return float64(n) }),
	)
}

// holdSTANs holds the STANs of what has no end yet, from now on and from earlier runs. All that commits comes after it.
func (s *Switch) holdSTANs() error {
	if s.alone == nil {
		return nil
	}
	j, err := reserve.Open(context.Background(), s.journal, s.alone)
	if err == nil {
		s.journal = j
	}
	return err
}

// reserveUnknown reserves all STANs of a journal that is an earlier copy of itself, or may be: it does not know when
// they were sent.
func (s *Switch) reserveUnknown() error {
	if s.journal.Hold() == nil {
		return nil
	}
	for _, stream := range s.alone {
		if err := stream.ReserveAll(context.Background()); err != nil {
			return err
		}
	}
	return nil
}

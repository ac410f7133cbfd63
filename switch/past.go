package txswitch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.uber.org/zap"

	"switchyard/switch/identity"
	"switchyard/switch/journal"
)

// past is what a journal remembers of the configurations that it was used with.
type past struct {
	// acquirer is the acquirer id of the journal's first start, or the one that it was used with before records had
	// theirs. Payments without a recorded one go under it, and the streams of STAN and DE7 stand under its name for
	// good: there is one a host, so that (DE7, STAN) names one message towards it whatever DE32 says (I9).
	acquirer string
}

// metaAcquirer names the value that keeps past.acquirer.
const metaAcquirer = "acquirer/first"

// readPast reads what the journal remembers. A journal that remembers nothing yet does so from now on.
func readPast(j *journal.Pebble, c *Config, logger *zap.Logger) (p past, err error) {
	acquirers, hosts, err := usedStreams(j)
	if err != nil {
		return p, err
	}
	for _, host := range hosts {
		if !slices.ContainsFunc(c.Issuers, func(x IssuerConfig) bool { return x.Name == host }) {
			logger.Warn("an issuer that this switch has sent to is no longer in the config: its payments can be neither "+
				"captured nor undone until it is back under this name", zap.String("issuer", host))
		}
	}
	v, err := j.Meta(metaAcquirer)
	if !errors.Is(err, journal.ErrNotFound) {
		p.acquirer = string(v)
		return p, err
	}
	p.acquirer = c.AcquirerID
	switch {
	case len(acquirers) == 1:
		p.acquirer = acquirers[0]
	case len(acquirers) > 1:
		logger.Warn("acquirer_id was changed before payments had theirs recorded; those without one go on under today's",
			zap.Strings("used", acquirers), zap.String("today", c.AcquirerID))
	}
	if err := j.PutMeta(context.Background(), metaAcquirer, []byte(p.acquirer)); err != nil {
		return p, fmt.Errorf("remember the acquirer id: %w", err)
	}
	return p, nil
}

// usedStreams lists the acquirer ids and the hosts that STANs were given for.
func usedStreams(j *journal.Pebble) (acquirers, hosts []string, err error) {
	names, err := j.CounterNames()
	if err != nil {
		return nil, nil, err
	}
	for _, name := range names {
		rest, ok := strings.CutPrefix(name, identity.STANCounter)
		if !ok {
			continue
		}
		acquirer, host, _ := strings.Cut(rest, "/")
		if !slices.Contains(acquirers, acquirer) {
			acquirers = append(acquirers, acquirer)
		}
		if !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return acquirers, hosts, nil
}

package txswitch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.uber.org/zap"

	"switchyard/switch/issuer/identity"
	"switchyard/switch/journal"
)

// past is what a journal remembers of the configurations that it was used with.
type past struct {
	// acquirer is the acquirer id of the journal's first start, or the one that it was used with before records had
	// theirs. Payments without a recorded one go under it, and the streams of STAN and DE7 stand under its name for
	// good: there is one a host, so that (DE7, STAN) names one message towards it whatever DE32 says (I9).
	acquirer string
	// hosts are those that STANs were given for.
	hosts []string
}

// metaAcquirer names the value that keeps past.acquirer.
const metaAcquirer = "acquirer/first"

// readPast reads what the journal remembers. A journal that remembers nothing yet does so from now on.
func readPast(j journal.Engine, c *Config, logger *zap.Logger) (p past, err error) {
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
	p.hosts = hosts
	if err := rememberNode(j, c.Node, logger); err != nil {
		return p, err
	}
	v, err := j.Meta(context.Background(), metaAcquirer)
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

// metaNode names the value that keeps the node number, one byte, of the last start.
const metaNode = "node/last"

// rememberNode says that the node number is another one than before: payment ids and RRNs carry it, so another
// switch that has or had it would give the same ones.
func rememberNode(j journal.Engine, node uint32, logger *zap.Logger) error {
	v, err := j.Meta(context.Background(), metaNode)
	switch {
	case err != nil && !errors.Is(err, journal.ErrNotFound):
		return err
	case len(v) == 1 && uint32(v[0]) == node:
		return nil
	case len(v) == 1:
		logger.Warn("the node number is another one than at the last start: no other switch may have, or ever have had, "+
			"the new one, or payment ids and RRNs come twice", zap.Uint8("before", v[0]), zap.Uint32("now", node))
	}
	return j.PutMeta(context.Background(), metaNode, []byte{byte(node)})
}

// usedStreams lists the acquirer ids and the hosts that STANs were given for.
func usedStreams(j journal.Engine) (acquirers, hosts []string, err error) {
	names, err := j.CounterNames(context.Background())
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

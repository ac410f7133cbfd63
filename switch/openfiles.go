package txswitch

import (
	"fmt"

	"go.uber.org/zap"

	"switchyard/switch/front/lines"
	"switchyard/switch/issuer/link"
)

// A process may have so many files and sockets open, and no more. Where peers used them up the journal could not open
// its next file, and the switch would end (I14). So what may be open is divided at the start: the journal, the links
// and the operators have theirs, and gateways the rest.

const (
	// journalFiles are the journal's tables, of which Pebble keeps 1,000 open, and its logs; and what is open beside, such
	// as clearing files.
	journalFiles = 1000 + 200
	// leastConnections is how many gateways there must be room for.
	leastConnections = 16
)

// divideFiles says how many connections gateways may have: as configured, or fewer.
func (s *Switch) divideFiles() error {
	c := s.o.Config
	s.connections = c.Gateway.MaxConnections
	if s.o.OpenFiles <= 0 {
		return nil
	}
	others := journalFiles + operatorConnections + lines.MaxRefusing
	for i := range c.Issuers {
		x := &c.Issuers[i]
		if others += max(x.Links, link.DefaultLinks); x.Listen != "" {
			others += link.MaxSecuring + 1
		}
	}
	const limit = "this process may have %d files and sockets open (ulimit -n; LimitNOFILE= in its systemd unit)"
	rest := s.o.OpenFiles - others
	if rest < min(leastConnections, c.Gateway.MaxConnections) {
		return fmt.Errorf(limit+": expected at least %d", s.o.OpenFiles, others+leastConnections)
	}
	if rest < s.connections {
		s.o.Logger.Warn(fmt.Sprintf(limit+": there is room for fewer gateways than gateway.max_connections", s.o.OpenFiles),
			zap.Int("max_connections", rest), zap.Int("configured", s.connections),
			zap.Int("needed_for_all", others+s.connections))
		s.connections = rest
	}
	return nil
}

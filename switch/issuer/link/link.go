package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"time"

	"go.uber.org/zap"
)

// stableAfter is how long a link must have been up for its next loss to be a new one. A host that takes the sign-on and
// closes at once is met with ever longer waits.
const stableAfter = time.Second

// stillDownEvery is how often a link that stays down is warned of, at the most: an outage is a dozen lines an hour, and
// each attempt a line at debug.
const stillDownEvery = 5 * time.Minute

// link keeps one connection to a host.
type link struct {
	h     *Host
	index int
	name  string
	log   *zap.Logger
	m     *linkMetrics
	// echoIdle is Config.EchoIdle less this link's share of a tenth.
	echoIdle time.Duration
}

// run connects, signs on, keeps the connection, and does so again once it is lost, until the host is closed.
func (l *link) run() {
	h := l.h
	defer h.running.Done()
	var down outage
	stable := true // the last session was, if there was one
	for attempt := 0; ; attempt++ {
		s, err := l.connect()
		var unsent, lost int
		if err != nil {
			l.notReturning()
		} else {
			if stable {
				l.tellUp(&down)
			} else { // it may be lost at once again
				l.log.Debug("link signed on", zap.String("addr", h.cfg.Addr))
			}
			err = s.tend(func() {
				if !stable {
					l.tellUp(&down)
				}
			})
			s.fail(err)
			unsent, lost = s.end()
			err = s.explained(err)
			if stable = s.stable(); stable || s.useful() {
				attempt = 0
			}
		}
		if h.stop.Err() != nil {
			l.log.Info("link closed", zap.Int("unsent", unsent), zap.Int("unknown", lost), zap.NamedError("reason", err))
			return
		}
		wait := l.backoff(attempt)
		if h.cfg.Listener != nil {
			wait = 0 // the host's own
		}
		l.m.reconnects.Inc()
		l.tellDown(&down, err, unsent, lost, wait)
		select {
		case <-time.After(wait):
		case <-h.stop.Done():
			return
		}
	}
}

// outage is what the log is told of a link that is down.
type outage struct {
	since    time.Time // zero: the link is up, or was never tried
	attempts int       // to make it again that failed
	told     time.Time // the last line at warn
	// What was in flight when it was lost, since that line: a host that takes the sign-on and closes may lose some each
	// time.
	unsent, unknown int
}

// tellDown logs that the link was lost, or that an attempt to make it failed: the first time and every stillDownEvery
// at warn.
func (l *link) tellDown(down *outage, err error, unsent, unknown int, wait time.Duration) {
	now := time.Now()
	down.unsent += unsent
	down.unknown += unknown
	fields := []zap.Field{
		zap.Error(err), zap.Int("unsent", down.unsent), zap.Int("unknown", down.unknown), zap.Duration("retry_in", wait),
	}
	if down.since.IsZero() {
		*down = outage{since: now, told: now}
		l.log.Warn("link down", fields...)
		return
	}
	down.attempts++
	fields = append(fields, zap.Int("attempts", down.attempts), zap.Time("since", down.since))
	if now.Sub(down.told) < stillDownEvery {
		l.log.Debug("link still down", fields...)
		return
	}
	down.told, down.unsent, down.unknown = now, 0, 0
	l.log.Warn("link still down", fields...)
}

// tellUp logs that the link is up, and for how long it was not.
func (l *link) tellUp(down *outage) {
	fields := []zap.Field{zap.String("addr", l.h.cfg.Addr)}
	if !down.since.IsZero() {
		fields = append(fields, zap.Duration("down_for", time.Since(down.since)), zap.Int("attempts", down.attempts+1))
	}
	level := zap.InfoLevel
	if down.unsent+down.unknown > 0 { // lost in sessions that did not last, and not told yet
		level, fields = zap.WarnLevel, append(fields, zap.Int("unsent", down.unsent), zap.Int("unknown", down.unknown))
	}
	*down = outage{}
	l.log.Log(level, "link up", fields...)
}

// connect dials, signs on and lets requests in.
func (l *link) connect() (*session, error) {
	h := l.h
	connect := l.dial
	if h.cfg.Listener != nil {
		connect = l.awaitHost
	}
	conn, err := connect()
	if err != nil {
		return nil, err
	}
	s, err := l.open(conn)
	if err != nil {
		conn.Close()
		return nil, err
	}
	if err := s.signOn(); err != nil {
		// The cause, if the connection was lost meanwhile, is more telling than that there was no answer.
		if cause := s.lostBy(); cause != nil {
			err = cause
		}
		s.fail(err)
		s.end()
		return nil, fmt.Errorf("sign-on: %w", s.explained(err))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.state == stateSigningOn {
		s.state, s.up = stateUp, time.Now()
		h.lost[l.index] = time.Time{}
		h.grant()
	}
	return s, nil
}

// dial opens the connection, with TLS if the config says so.
func (l *link) dial() (net.Conn, error) {
	h := l.h
	ctx, cancel := context.WithTimeout(h.stop, h.cfg.SignOnTimeout)
	defer cancel()
	conn, err := h.cfg.Dial(ctx, h.cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("dialling: %w", err)
	}
	if err := noDelay(conn); err != nil {
		return nil, err
	}
	if h.cfg.TLS == nil {
		return conn, nil
	}
	ctx, cancel = context.WithTimeout(h.stop, h.cfg.SignOnTimeout)
	defer cancel()
	secure := tls.Client(conn, h.cfg.TLS)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, fmt.Errorf("TLS handshake: %w", err)
	}
	return secure, nil
}

// tend keeps a signed-on session until it is lost, and signs it off when the host is closed or the other side signs
// off. It calls stable once the session has been up for stableAfter. It returns why the session is over.
func (s *session) tend(stable func()) error {
	h := s.h
	idle := time.NewTimer(s.l.echoIdle)
	defer idle.Stop()
	standing := time.NewTimer(stableAfter)
	defer standing.Stop()
	for {
		select {
		case <-s.dead:
			return s.lostBy()
		case <-h.stop.Done():
			return s.signOff()
		case <-s.leaving:
			return s.letGo()
		case <-standing.C:
			stable()
		case <-s.probed:
			if h.cfg.NoEcho {
				continue
			}
			if err := s.echo(); err != nil {
				return err
			}
		case <-idle.C:
			quiet, unanswered := s.quietFor()
			switch {
			case quiet < s.l.echoIdle:
				idle.Reset(s.l.echoIdle - quiet)
				continue
			case h.cfg.NoEcho && unanswered:
				return fmt.Errorf("nothing came in for %v, and requests were not answered", quiet)
			case h.cfg.NoEcho:
				idle.Reset(s.l.echoIdle)
				continue
			}
			if err := s.echo(); err != nil {
				return err
			}
			idle.Reset(s.l.echoIdle)
		}
	}
}

// echo asks for an echo. An error is why the session is over.
func (s *session) echo() error {
	if err := s.exchange(s.h.kill, codeEcho); err != nil {
		if cause := s.lostBy(); cause != nil {
			return cause
		}
		return fmt.Errorf("echo: %w", err)
	}
	return nil
}

// signOff lets the requests in flight end and then signs off.
func (s *session) signOff() error {
	h := s.h
	select {
	case <-s.drain():
	case <-s.dead:
		return s.lostBy()
	case <-h.kill.Done():
		return errors.New("closed while requests were in flight")
	}
	if s.unsigned {
		return errors.New("closed")
	}
	if err := s.exchange(h.kill, codeSignOff); err != nil {
		return fmt.Errorf("sign-off: %w", err)
	}
	return errors.New("signed off")
}

// letGo ends a session that the host has signed off: what is in flight may still be answered, SignOnTimeout long.
func (s *session) letGo() error {
	h := s.h
	grace := time.NewTimer(h.cfg.SignOnTimeout)
	defer grace.Stop()
	select {
	case <-s.drain():
	case <-grace.C:
	case <-s.dead:
		return s.lostBy()
	case <-h.kill.Done():
	}
	return errors.New("the host signed off")
}

// quietFor is how long nothing has come in, and whether a request was not answered since.
func (s *session) quietFor() (quiet time.Duration, unanswered bool) {
	s.h.mu.Lock()
	defer s.h.mu.Unlock()
	return time.Since(s.heard), s.unanswered
}

// lostBy is why the session is down, nil if it is not.
func (s *session) lostBy() error {
	s.h.mu.Lock()
	defer s.h.mu.Unlock()
	return s.cause
}

// backoff is the wait before an attempt to reconnect: at most ReconnectMin first, then doubling up to ReconnectMax, the
// upper half of it by chance, so that the links of many switches do not come back all at once.
func (l *link) backoff(attempt int) time.Duration {
	longest := l.h.cfg.ReconnectMax
	if attempt < 32 {
		longest = min(longest, l.h.cfg.ReconnectMin<<attempt)
	}
	return longest/2 + l.chance(longest-longest/2, attempt)
}

// echoChance is what for the chance of the echo is; attempts to reconnect are not negative.
const echoChance = -1

// chance is a duration from 0 up to a limit: a hash of the seed, the link and what for, so that it can be repeated.
func (l *link) chance(limit time.Duration, what int) time.Duration {
	hash := fnv.New64a()
	fmt.Fprintf(hash, "%d %s %s %d", l.h.cfg.Seed, l.h.cfg.Host, l.name, what)
	// The finalizer of SplitMix64: FNV alone leaves names that differ in the last letter close together.
	x := hash.Sum64()
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	x ^= x >> 31
	return time.Duration(x % uint64(limit+1))
}

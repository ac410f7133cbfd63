package loadgen

import (
	"context"
	"net"
	"sync"
	"time"
)

// signOnLimit is how long a host may take for a sign-on on a connection that was dialled anew.
const signOnLimit = 10 * time.Second

// live serves the lane's connections, one after the other.
func (l *isoLane) live() {
	l.mu.Lock()
	conn, ended := l.conn, l.ended
	l.mu.Unlock()
	tries := 0 // since a connection was good for something
	for {
		began := time.Now()
		var loops sync.WaitGroup
		loops.Go(func() { l.write(conn, ended) })
		if l.target.Echo > 0 {
			loops.Go(func() { l.echo(ended) })
		}
		if l.waitsForSignOn() {
			loops.Go(l.signOnAgain)
		}
		answered := l.read(conn)
		loops.Wait()
		good := (answered || lasted(began)) && !l.waitsForSignOn()
		if good {
			tries = 0
		}
		if conn, ended = l.redial(good, tries); conn == nil {
			return
		}
		tries++
	}
}

func (l *isoLane) waitsForSignOn() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.unsigned != nil
}

// signOnAgain signs on on a connection that was dialled anew. Where that is refused the connection is given up.
func (l *isoLane) signOnAgain() {
	again := l.target.again.await() // who dialled it
	ctx, cancel := context.WithTimeout(again.ctx, signOnLimit)
	defer cancel()
	if err := l.signOn(ctx); err != nil {
		l.broke(err)
		return
	}
	l.mu.Lock()
	ok := l.err == nil
	if ok {
		l.unsigned = nil
	}
	l.mu.Unlock()
	if ok {
		again.back()
	}
}

// redial connects the lane anew, after so many tries that did not last; nil where it stays without a connection.
func (l *isoLane) redial(good bool, tries int) (net.Conn, chan struct{}) {
	again := l.target.again.await()
	if again == nil {
		return nil, nil
	}
	l.mu.Lock()
	err, up := l.err, l.unsigned == nil
	l.mu.Unlock()
	goOn := false
	if up {
		goOn = again.lost(good, err)
	} else { // it was there, and not signed on
		goOn = again.failed(err)
	}
	if !goOn {
		return nil, nil
	}
	conn := again.again(l.number, tries, func(err error) {
		l.mu.Lock()
		l.err = err
		l.mu.Unlock()
	})
	if conn == nil {
		return nil, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if again.ctx.Err() != nil { // it was closed meanwhile
		_ = conn.Close()
		return nil, nil
	}
	l.conn, l.ended, l.pending = conn, make(chan struct{}), l.pending[:0]
	l.given.clear()
	clear(l.networks)
	if l.target.signs.Load() {
		l.unsigned = l.err
	} else {
		again.back()
	}
	l.err = nil
	return conn, l.ended
}

package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"switchyard/internal/loadgen/day"
	"switchyard/switch/operator/client"
)

// victim is what is killed at once.
type victim uint8

const (
	victimSwitchd victim = iota
	victimIssuer
	victimBoth
	victims // how many there are
)

var victimNames = [victims]string{"switchd", "issuer-sim", "both"}

// String names it for people.
func (v victim) String() string { return victimNames[v] }

// What a round is like.
const (
	crashInFlight    = 128 // payments at the same time
	crashConnections = 4
	minCrashPayments = 100
	maxStrikes       = 3
	// crashDeadline is how long the issuer has for an answer.
	crashDeadline = 2 * time.Second
	// crashPatience is how long the driver goes on with a request while daemons are away.
	crashPatience = time.Minute
	// A strike comes up to strikeDelay after its payment, up to cutoverDelay after the cutover that it is to hit has begun;
	// what it hit stays down for up to downMost.
	strikeDelay  = 5 * time.Millisecond
	cutoverDelay = 40 * time.Millisecond
	downMost     = 150 * time.Millisecond
	// restartLimit is how long a daemon may need to be there again, its port with it.
	restartLimit = 10 * time.Second
)

// strike is one kill and what follows.
type strike struct {
	victim      victim
	after       int  // payments finished
	cutover     bool // begin one first
	delay       time.Duration
	down        time.Duration // until what was killed is started again
	switchFirst bool          // of both: switchd comes back before its issuer
}

// crashRound is one round: a day, its strikes, and what came of them.
type crashRound struct {
	dayEnd
	crashTotals
	seed    uint64
	strikes []strike

	finished atomic.Int64
	struck   []string                     // what happened, for people
	whole    map[string][sha256.Size]byte // the clearing files that there were at some kill
}

func (s strike) cuts() bool { return s.cutover }

// newCrashRound plans a round.
func newCrashRound(seed uint64, payments int, dir string) *crashRound {
	rng := rand.New(rand.NewPCG(seed, 0x6372617368))
	r := &crashRound{seed: seed, whole: make(map[string][sha256.Size]byte)}
	r.dir, r.step, r.payments = dir, func(string, ...any) {}, payments
	for range 1 + rng.IntN(maxStrikes) {
		s := strike{
			victim: []victim{victimSwitchd, victimSwitchd, victimSwitchd, victimIssuer, victimBoth}[rng.IntN(5)],
			after:  payments/20 + rng.IntN(payments*9/10),
			delay:  time.Duration(rng.Int64N(int64(strikeDelay))),
			down:   time.Duration(rng.Int64N(int64(downMost))), switchFirst: rng.IntN(2) == 0,
		}
		// One cutover a round: the one in the end closes the date after it, and none further ahead is closed by hand.
		if s.victim != victimIssuer && rng.IntN(3) == 0 && !slices.ContainsFunc(r.strikes, strike.cuts) {
			s.cutover, s.delay = true, time.Duration(rng.Int64N(int64(cutoverDelay)))
		}
		r.strikes = append(r.strikes, s)
	}
	slices.SortFunc(r.strikes, func(a, b strike) int { return a.after - b.after })
	return r
}

// String says what came of the round.
func (r *crashRound) String() string {
	return strings.Join(r.struck, ", ") + "; " + r.crashTotals.String()
}

// run plays the round.
func (r *crashRound) run(ctx context.Context) {
	begin := time.Now()
	defer func() { r.took = time.Since(begin) }()
	if err := freshFolder(r.dir); err != nil {
		r.wrong("%v", err)
		return
	}
	config, err := writeDemoConfig(r.dir, crashDeadline)
	if err != nil {
		r.wrong("configuration: %v", err)
		return
	}
	if r.local, err = startLocal(ctx, localOptions{dir: r.dir, seed: r.seed, config: config}); err != nil {
		r.wrong("%v", err)
		return
	}
	defer func() { r.local.kill() }()
	if r.toldLog, err = openTold(filepath.Join(r.dir, toldName)); err != nil {
		r.wrong("%v", err)
		return
	}
	defer func() {
		if err := r.toldLog.close(); err != nil {
			r.wrong("what was told: %v", err)
		}
	}()
	clients := make([]*persistentClient, crashConnections)
	for i := range clients {
		clients[i] = &persistentClient{address: r.local.switchd.at.Gateway, inFlight: crashInFlight}
		defer clients[i].close()
	}
	if err := r.play(ctx, clients); err != nil {
		r.wrong("the day broke off: %v", err)
		return
	}
	if err := r.local.alive(); err != nil {
		r.wrong("%v", err)
		return
	}
	r.settleBooks(ctx, clients)
	if err := r.local.stop(); err != nil {
		r.wrong("%v", err)
	}
}

// play drives the day and strikes meanwhile.
func (r *crashRound) play(ctx context.Context, clients []*persistentClient) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	played := make(chan struct{})
	struck := make(chan struct{})
	go func() {
		defer close(struck)
		for i := range r.strikes {
			if !r.await(r.strikes[i].after, played) {
				return
			}
			if err := r.strike(ctx, &r.strikes[i]); err != nil {
				cancel(err)
				return
			}
		}
	}()
	r.book, err = day.Run(ctx, day.Options{
		Plan: demoPlan(r.seed, time.Now()), Clients: r.toldLog.players(persistent(clients)), Payments: r.payments,
		InFlight: crashInFlight,
		Outage:   crashPatience, Remember: true, Progress: func() { r.finished.Add(1) },
	})
	close(played)
	<-struck
	return errors.Join(err, context.Cause(ctx))
}

// await waits until so many payments are finished; false once the day has ended.
func (r *crashRound) await(payments int, played <-chan struct{}) bool {
	const pause = 200 * time.Microsecond
	for r.finished.Load() < int64(payments) {
		select {
		case <-played:
			return false
		case <-time.After(pause):
		}
	}
	return true
}

// strike kills, looks at what is left, and starts again what was killed.
func (r *crashRound) strike(ctx context.Context, s *strike) error {
	when := fmt.Sprintf("%s killed at payment %d", s.victim, r.finished.Load())
	cutover := make(chan error, 1)
	if s.cutover {
		go func() { cutover <- r.cutover(ctx) }()
	}
	time.Sleep(s.delay)
	if s.victim != victimIssuer {
		r.local.switchd.signalKill()
	}
	if s.victim != victimSwitchd {
		r.local.issuer.signalKill()
	}
	if s.victim != victimIssuer {
		<-r.local.switchd.exited
	}
	if s.victim != victimSwitchd {
		<-r.local.issuer.exited
	}
	if s.cutover {
		if err := <-cutover; err != nil { // it had not been answered yet
			r.inCutover++
			when += " in a cutover"
		} else {
			when += " after a cutover"
		}
	}
	r.struck = append(r.struck, when)
	r.killed(s.victim, 1)
	if err := r.inspect(); err != nil {
		return err
	}
	time.Sleep(s.down)
	return r.restart(ctx, s)
}

// cutover closes the open date, whichever it is.
func (r *crashRound) cutover(ctx context.Context) error {
	_, err := r.local.operator().Cutover(ctx, client.Cutover{Wait: cutoverLimit, Ahead: true})
	return err
}

// inspect looks at the clearing files that stand under their names. From the first moment on they stay as they are; that
// they are whole is then checked in the end.
func (r *crashRound) inspect() error {
	names, err := filepath.Glob(filepath.Join(r.local.clearingDir(), "*", "*.ipm"))
	if err != nil {
		return err
	}
	for name := range r.whole {
		if !slices.Contains(names, name) {
			r.wrong("clearing file %s is gone", name)
		}
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(text)
		if before, known := r.whole[name]; known && before != sum {
			r.wrong("clearing file %s has changed", name)
		}
		r.whole[name] = sum
	}
	return nil
}

// restart starts again what a strike killed, on the same ports.
func (r *crashRound) restart(ctx context.Context, s *strike) error {
	l := r.local
	var starts []func() error
	if s.victim != victimSwitchd {
		at := l.issuer.at
		starts = append(starts, func() error { return l.runIssuer(ctx, at) })
	}
	if s.victim != victimIssuer {
		at := l.switchd.at
		starts = append(starts, func() error { return l.runSwitchd(ctx, at) })
	}
	if s.switchFirst {
		slices.Reverse(starts)
	}
	for _, start := range starts {
		begin := time.Now()
		err := start()
		// The port of a daemon that is down may be lent to some connection for a moment.
		for err != nil && strings.Contains(err.Error(), "address already in use") && time.Since(begin) < restartLimit {
			time.Sleep(pollPause)
			err = start()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// settleBooks ends the day and holds everything against everything.
func (r *crashRound) settleBooks(ctx context.Context, clients []*persistentClient) {
	if err := r.local.awaitReady(ctx); err != nil {
		r.wrong("%v", err)
		return
	}
	r.close(ctx, true)
	if err := r.inspect(); err != nil {
		r.wrong("%v", err)
	}
	r.days(ctx)
	if err := r.book.Recheck(ctx, persistent(clients), crashInFlight); err != nil {
		r.wrong("recheck: %v", err)
	}
	r.mismatches()
	r.acknowledged, r.files = r.book.Acknowledged(), len(r.cleared)
	r.resent, r.unanswered = r.book.Disconnected(), r.book.Unanswered()
}

// days checks that no business date is left half closed.
func (r *crashRound) days(ctx context.Context) {
	days, err := r.local.operator().Days(ctx)
	if err != nil {
		r.wrong("days: %v", err)
	}
	open := 0
	for _, d := range days {
		switch d.State {
		case "written":
		case "open":
			open++
		default:
			r.wrong("business date %s is still %s", d.Date, d.State)
		}
	}
	if open != 1 || len(days) < 2 {
		r.wrong("%d business dates, %d of them open; expected one that is, and those that were closed", len(days), open)
	}
}

package crash

import (
	"context"
	"crypto/sha256"
	"errors"
	"path/filepath"
	"sync/atomic"
	"time"

	"switchyard/internal/daemons"
	"switchyard/internal/loadgen/clients"
	"switchyard/internal/loadgen/day"
	"switchyard/internal/localday"
)

// What a round is like.
const (
	inFlight    = 128 // payments at the same time
	connections = 4
	// deadline is how long the issuer has for an answer.
	deadline = 2 * time.Second
	// patience is how long the driver goes on with a request while daemons are away.
	patience = time.Minute
)

// Round is one round: a day, its strikes, and what came of them.
type Round struct {
	localday.Day
	Totals
	Seed    uint64
	Struck  []string // what was killed when, for people
	strikes []strike

	finished atomic.Int64
	whole    map[string][sha256.Size]byte // the clearing files that there were at some kill
}

// run plays the round.
func (r *Round) run(ctx context.Context, bin string) {
	begin := time.Now()
	defer func() { r.Took = time.Since(begin) }()
	if err := daemons.FreshFolder(r.Dir); err != nil {
		r.Wrong("%v", err)
		return
	}
	config, err := localday.WriteConfig(r.Dir, localday.Issuer{Deadline: deadline})
	if err != nil {
		r.Wrong("configuration: %v", err)
		return
	}
	o := daemons.Options{Bin: bin, Dir: r.Dir, Seed: r.Seed, Config: config}
	if r.Local, err = daemons.StartLocal(ctx, o); err != nil {
		r.Wrong("%v", err)
		return
	}
	defer r.Local.Kill()
	if r.Told, err = clients.OpenTold(filepath.Join(r.Dir, localday.ToldName)); err != nil {
		r.Wrong("%v", err)
		return
	}
	defer func() {
		if err := r.Told.Close(); err != nil {
			r.Wrong("what was told: %v", err)
		}
	}()
	gateways := make([]*clients.Persistent, connections)
	for i := range gateways {
		gateways[i] = clients.NewPersistent(r.Local.Switchd.At.Gateway, inFlight)
		defer gateways[i].Close()
	}
	if err := r.play(ctx, gateways); err != nil {
		r.Wrong("the day broke off: %v", err)
		return
	}
	if err := r.Local.Alive(); err != nil {
		r.Wrong("%v", err)
		return
	}
	r.endDay(ctx, gateways)
	if err := r.Local.Stop(); err != nil {
		r.Wrong("%v", err)
	}
}

// play drives the day and strikes meanwhile.
func (r *Round) play(ctx context.Context, gateways []*clients.Persistent) (err error) {
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
	r.Book, err = day.Run(ctx, day.Options{
		Plan: localday.Plan(r.Seed, time.Now()), Clients: r.Told.Players(clients.Players(gateways)),
		Payments: r.Payments, InFlight: inFlight,
		Outage: patience, Remember: true, Progress: func() { r.finished.Add(1) },
	})
	close(played)
	<-struck
	return errors.Join(err, context.Cause(ctx))
}

// await waits until so many payments are finished; false once the day has ended.
func (r *Round) await(payments int, played <-chan struct{}) bool {
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

// endDay ends the day and holds everything against everything.
func (r *Round) endDay(ctx context.Context, gateways []*clients.Persistent) {
	if err := r.Local.AwaitReady(ctx); err != nil {
		r.Wrong("%v", err)
		return
	}
	r.Close(ctx, true)
	if err := r.inspect(); err != nil {
		r.Wrong("%v", err)
	}
	r.days(ctx)
	if err := r.Book.Recheck(ctx, clients.Players(gateways), inFlight); err != nil {
		r.Wrong("recheck: %v", err)
	}
	r.Mismatches()
	r.Acknowledged, r.Files = r.Book.Acknowledged(), len(r.Cleared)
	r.Resent, r.Unanswered = r.Book.Disconnected(), r.Book.Unanswered()
}

// days checks that no business date is left half closed.
func (r *Round) days(ctx context.Context) {
	days, err := r.Local.Operator().Days(ctx)
	if err != nil {
		r.Wrong("days: %v", err)
	}
	open := 0
	for _, d := range days {
		switch d.State {
		case "written":
		case "open":
			open++
		default:
			r.Wrong("business date %s is still %s", d.Date, d.State)
		}
	}
	if open != 1 || len(days) < 2 {
		r.Wrong("%d business dates, %d of them open; expected one that is, and those that were closed",
			len(days), open)
	}
}

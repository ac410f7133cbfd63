package txswitch

import (
	"context"
	"errors"

	"go.uber.org/zap"

	"switchyard/switch/cutover"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// follower closes the open business date when one issuer's host announces its cutover (business_day.follow). Which
// announcements close a date and which are repeats is package cutover's to say; the scheduled cutover stays, for the
// day on which no announcement comes.
type follower struct {
	issuer  string
	journal journal.Journal
	logger  *zap.Logger

	announced chan announcement
	opened    payment.Date // by the last announcement that closed a date; of run alone
}

type announcement struct{ host, link string }

// waitingAnnouncements is how many wait while one is followed. It takes no more: what comes meanwhile is a repeat, and
// so is the one that waits.
const waitingAnnouncements = 1

func newFollower(issuer string, j journal.Journal, logger *zap.Logger) *follower {
	return &follower{issuer: issuer, journal: j, logger: logger, announced: make(chan announcement, waitingAnnouncements)}
}

// callback returns what a host's links call on its cutover: nothing for another issuer's, which log it. It does not
// block.
func (f *follower) callback(host string) func(host, link string) {
	if f == nil || f.issuer != host {
		return nil
	}
	return func(host, link string) {
		select {
		case f.announced <- announcement{host, link}:
		default:
		}
	}
}

// run follows what is announced until ctx ends.
func (f *follower) run(ctx context.Context, engine *cutover.Engine) {
	for {
		select {
		case <-ctx.Done():
			return
		case a := <-f.announced:
			if ctx.Err() != nil {
				return // both were ready
			}
			before := f.journal.OpenDay()
			result, err := engine.Follow(ctx)
			if open := f.journal.OpenDay(); open != before && !refused(err) {
				f.opened = open
			}
			f.log(ctx, a, result, err)
		}
	}
}

// refused tells whether an announcement closes no date because a cutover was made already.
func refused(err error) bool {
	return errors.Is(err, cutover.ErrTooSoon) || errors.Is(err, cutover.ErrNotBegun) ||
		errors.Is(err, cutover.ErrOvertaken)
}

// log says what came of an announcement, and what is left to do.
func (f *follower) log(ctx context.Context, a announcement, result cutover.Result, err error) {
	logger := f.logger.With(
		zap.String("host", a.host), zap.String("link", a.link), zap.Stringer("open", f.journal.OpenDay()),
	)
	switch {
	case err == nil:
		logger.Info("a business date was closed with the host's cutover",
			zap.String("closed", result.BusinessDate), zap.Int("files", len(result.Files)))
	case errors.Is(err, cutover.ErrTooSoon) && f.journal.OpenDay() != f.opened:
		logger.Warn(
			"the host's cutover closes no business date: another cutover came shortly before; if this happens every day, "+
				"set business_day.cutover an hour or two after the host's", zap.String("why", err.Error()))
	case refused(err):
		logger.Info("the host's cutover closes no business date", zap.String("why", err.Error()))
	case ctx.Err() != nil:
		logger.Warn(
			"the switch stops before the host's cutover was followed to its end: the next start finishes a date that is "+
				"closing; one that is open still is closed by switchctl cutover, or by the schedule", zap.Error(err))
	default:
		logger.Error(
			"the host's cutover was not followed to its end: see where the dates stand (GET /v1/days); one that is closing "+
				"or sealed is tried again every minute, one that is open still is closed by switchctl cutover, or by the schedule",
			zap.Error(err))
	}
}

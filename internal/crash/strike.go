package crash

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"switchyard/internal/localday"
	"switchyard/switch/operator/client"
)

// strike kills, looks at what is left, and starts again what was killed.
func (r *Round) strike(ctx context.Context, s *strike) error {
	when := fmt.Sprintf("%s killed at payment %d", s.victim, r.finished.Load())
	cutover := make(chan error, 1)
	if s.cutover {
		go func() { cutover <- r.cutover(ctx) }()
	}
	time.Sleep(s.delay)
	if s.victim != Issuer {
		r.Local.Switchd.SignalKill()
	}
	if s.victim != Switchd {
		r.Local.Issuer.SignalKill()
	}
	if s.victim != Issuer {
		r.Local.Switchd.Kill()
	}
	if s.victim != Switchd {
		r.Local.Issuer.Kill()
	}
	if s.cutover {
		if err := <-cutover; err != nil { // it had not been answered yet
			r.InCutover++
			when += " in a cutover"
		} else {
			when += " after a cutover"
		}
	}
	r.Struck = append(r.Struck, when)
	r.killed(s.victim, 1)
	if err := r.inspect(); err != nil {
		return err
	}
	time.Sleep(s.down)
	return r.restart(ctx, s)
}

// cutover closes the open date, whichever it is.
func (r *Round) cutover(ctx context.Context) error {
	_, err := r.Local.Operator().Cutover(ctx, client.Cutover{Wait: localday.CutoverLimit, Ahead: true})
	return err
}

// inspect looks at the clearing files that stand under their names. From the first moment on they stay as they are;
// that they are whole is then checked in the end.
func (r *Round) inspect() error {
	names, err := filepath.Glob(filepath.Join(r.Local.ClearingDir(), "*", "*.ipm"))
	if err != nil {
		return err
	}
	for name := range r.whole {
		if !slices.Contains(names, name) {
			r.Wrong("clearing file %s is gone", name)
		}
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(text)
		if before, known := r.whole[name]; known && before != sum {
			r.Wrong("clearing file %s has changed", name)
		}
		r.whole[name] = sum
	}
	return nil
}

// restart starts again what a strike killed, on the same ports.
func (r *Round) restart(ctx context.Context, s *strike) error {
	var starts []func(context.Context) error
	if s.victim != Switchd {
		starts = append(starts, r.Local.RestartIssuer)
	}
	if s.victim != Issuer {
		starts = append(starts, r.Local.RestartSwitchd)
	}
	if s.switchFirst {
		slices.Reverse(starts)
	}
	for _, start := range starts {
		if err := start(ctx); err != nil {
			return err
		}
	}
	return nil
}

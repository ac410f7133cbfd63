package doctor

import (
	"os"
	"path/filepath"
	"time"

	"switchyard/switch/clock"
)

const (
	// apartAtMost is by how much a running switch's clock may differ from this machine's: more, and it runs on another.
	apartAtMost = 5 * time.Second

	keepIt = "run a time service, such as chronyd or systemd-timesyncd"
)

// clock looks at whether the time is kept right, and whether it has gone on since it was seen last.
func (p *Patient) clock() {
	const name = "clock"
	if c := p.running.clock(); c != nil {
		now := p.machine.Now()
		switch {
		case c.Warning != "":
			p.add(Fail, name, "", "%s", c.Warning)
		case c.Wall.Sub(now).Abs() > apartAtMost:
			p.add(Warn, name, "is it on another machine? else look at "+keepIt, "the switch's shows %s, and this machine's %s",
				c.Wall.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
		case !c.Synchronized:
			p.add(Warn, name, keepIt, "nothing keeps it right: a switch that was stopped for long starts in doubt")
		default:
			p.ok(name, "a time service keeps it, and the switch does not doubt it")
		}
		return
	}
	kept, now := p.machine.Synchronized(), p.machine.Now()
	seen := p.lastWritten()
	ahead := clock.DefaultLeap
	if p.unread == nil {
		ahead = time.Duration(p.config.Limits.ClockLeap)
	}
	switch {
	case seen.Sub(now) > clock.SetBack:
		p.add(Fail, name, "set it right before the switch is started", "it shows %s, and the journal was written at %s",
			now.UTC().Format(time.RFC3339), seen.UTC().Format(time.RFC3339))
	case !kept && !seen.IsZero() && now.Sub(seen) > ahead:
		p.add(Warn, name, keepIt+", or confirm it after the start: switchctl clock confirm",
			"nothing keeps it right, and the journal was written last at %s: the switch will start in doubt",
			seen.UTC().Format(time.RFC3339))
	case !kept:
		p.add(Warn, name, keepIt, "nothing keeps it right")
	default:
		p.ok(name, "a time service keeps it")
	}
}

// lastWritten is when a file of the journal was written last, by the clock of then; zero where there is none. The
// journal itself is not opened: that would keep a switch from starting meanwhile.
func (p *Patient) lastWritten() (last time.Time) {
	if p.unread != nil {
		return last
	}
	entries, err := os.ReadDir(filepath.Join(p.config.Data, "journal"))
	if err != nil {
		return last
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.ModTime().After(last) {
			last = info.ModTime()
		}
	}
	return last
}

package doctor

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Disk is what a file system says of itself.
type Disk struct {
	Kind                    string // its name, such as ext4; "" where that is not known
	FreeBytes, TotalBytes   uint64
	FreeInodes, TotalInodes uint64 // 0 of 0 where it does not count them
}

// kinds are file systems that no journal should be on, with why.
var kinds = map[string]string{
	"tmpfs":   "it is in memory, and what was acknowledged is gone with the machine",
	"ramfs":   "it is in memory, and what was acknowledged is gone with the machine",
	"overlay": "it is a container's own layer, which goes with the container: mount a volume there",
	"nfs":     "it is another machine's, whose syncs and locks are not this one's",
	"smb":     "it is another machine's, whose syncs and locks are not this one's",
	"9p":      "it is another machine's, whose syncs and locks are not this one's",
	"fuse":    "a program keeps it: whether a sync reaches a disk is up to that",
}

// there is the folder, or the nearest one above it that is there.
func there(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

const (
	mib = 1 << 20
	gib = 1 << 30

	reservesLeft = 8 // with less than so many reserves free somebody should look
	fewInodes    = 100
)

// disk looks at room and at what kind of file system it is.
func (p *Patient) disk() {
	const name, kindName, more = "disk", "file system", "make room: docs/operations.md says what a day takes (Disk)"
	dir := there(p.config.Data)
	d, err := p.machine.Disk(dir)
	if err != nil {
		p.add(Warn, name, "", "%s: its disk does not say how much is free: %v", dir, err)
		return
	}
	reserve := uint64(p.config.Limits.DiskReserveMiB) * mib
	free := float64(d.FreeBytes) / gib
	switch {
	case d.FreeBytes < reserve:
		p.add(Fail, name, more, "%s: %.1f GiB free; new work is refused below %d MiB (limits.disk_reserve_mib)", dir, free,
			p.config.Limits.DiskReserveMiB)
	case d.FreeBytes < reservesLeft*reserve:
		p.add(Warn, name, more, "%s: %.1f GiB free of %.1f; new work is refused below %d MiB", dir, free,
			float64(d.TotalBytes)/gib, p.config.Limits.DiskReserveMiB)
	case d.TotalInodes > 0 && d.FreeInodes < d.TotalInodes/fewInodes:
		p.add(Warn, name, "remove files that nobody needs", "%s: %.1f GiB free, but room for %d files only", dir, free,
			d.FreeInodes)
	default:
		p.ok(name, "%s: %.1f GiB free of %.1f", dir, free, float64(d.TotalBytes)/gib)
	}
	switch why := kinds[d.Kind]; {
	case why != "":
		p.add(Warn, kindName, "put the data folder on a local disk", "%s is on %s: %s", dir, d.Kind, why)
	case d.Kind == "":
		p.ok(kindName, "%s: of a kind that is not known here", dir)
	default:
		p.ok(kindName, "%s is on %s", dir, d.Kind)
	}
}

const (
	syncsFor  = 2 * time.Second // how long syncs are measured at most
	mostSyncs = 20
	slowSync  = 10 * time.Millisecond // two of them stand in each payment's latency
)

// syncs measures what a sync of the data folder's disk takes.
func (p *Patient) syncs(ctx context.Context) {
	const name, better = "sync", "a disk that keeps its word through a loss of power, such as an SSD with capacitors, " +
		"takes less than one millisecond"
	dir := there(p.config.Data)
	ctx, cancel := context.WithTimeout(ctx, syncsFor)
	defer cancel()
	took, err := p.machine.Syncs(ctx, dir, mostSyncs)
	if err != nil {
		p.add(Warn, name, "", "%s: not measured: %v", dir, err)
		return
	}
	if len(took) == 0 {
		p.add(Warn, name, "look for what else is busy on that disk", "%s: no sync was done within %s", dir, syncsFor)
		return
	}
	slices.Sort(took)
	round := func(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }
	median, worst := round(took[len(took)/2]), round(took[len(took)-1])
	if median > slowSync {
		p.add(Warn, name, better, "%s: a sync takes %s, %s at most, of %d; each payment waits for two", dir, median, worst,
			len(took))
		return
	}
	p.ok(name, "%s: a sync takes %s, %s at most, of %d", dir, median, worst, len(took))
}

package doctor

import (
	"context"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"switchyard/switch/clock"
)

// Machine is what is asked of the machine.
type Machine struct {
	Now          func() time.Time
	Synchronized func() bool // a time service keeps the clock right
	Disk         func(dir string) (Disk, error)
	// Syncs writes and syncs a block up to most times in a folder, and returns what each took; what was done until the
	// context's end where that comes first.
	Syncs     func(ctx context.Context, dir string, most int) ([]time.Duration, error)
	Limits    func() Limits
	Dial      func(ctx context.Context, network, address string) (net.Conn, error)
	Addresses func() ([]net.Addr, error)
}

// ThisMachine is the one that the process runs on.
func ThisMachine() *Machine {
	return &Machine{
		Now: time.Now, Synchronized: func() bool { return clock.New(clock.Options{}).Look().Synchronized },
		Disk: diskOf, Syncs: syncsIn, Limits: limitsHere, Dial: new(net.Dialer).DialContext,
		Addresses: net.InterfaceAddrs,
	}
}

func limitsHere() (l Limits) {
	var files, core unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &files) == nil {
		l.Files = uint64(files.Max) // up to which Go's programs raise it by themselves
	}
	if unix.Getrlimit(unix.RLIMIT_CORE, &core) == nil {
		l.Core = uint64(core.Cur)
	}
	return l
}

// syncsIn measures in a file without a name.
func syncsIn(ctx context.Context, dir string, most int) ([]time.Duration, error) {
	f, err := nameless(dir)
	if err != nil {
		return nil, err
	}
	took := make(chan time.Duration)
	failed := make(chan error, 1)
	go func() { // a sync cannot be broken off
		defer f.Close()
		failed <- syncing(ctx, f, most, took)
	}()
	var all []time.Duration
	for {
		select {
		case d := <-took:
			all = append(all, d)
		case err := <-failed:
			return all, err
		case <-ctx.Done():
			return all, nil
		}
	}
}

func syncing(ctx context.Context, f *os.File, most int, took chan<- time.Duration) error {
	block := make([]byte, 4<<10)
	for range most {
		began := time.Now()
		if _, err := f.Write(block); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
		select {
		case took <- time.Since(began):
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

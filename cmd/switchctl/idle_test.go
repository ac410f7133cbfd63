//go:build unix

package main

import (
	"errors"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"switchyard/internal/daemons"
	"switchyard/internal/demo"
	"switchyard/internal/loadgen"
	"switchyard/internal/loadgen/clients"
	"switchyard/switch/api"
)

// Ten thousand gateways that are connected and say nothing are served when they do say something, disturb nobody, and
// cost switchd no more than its memory limit.
func TestIdleConnections(t *testing.T) {
	const idle, spare, askers = 10_000, 500, 64
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		t.Fatal(err)
	}
	if files.Cur < idle+spare {
		t.Skipf("this process may open %d files (RLIMIT_NOFILE); %d connections need %d", files.Cur, idle, idle+spare)
	}
	bin := filepath.Dir(binaries(t))
	ctx := t.Context()
	local, err := daemons.StartLocal(ctx, daemons.Options{Bin: bin, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer local.Kill()

	idlers := make([]net.Conn, idle)
	for i := range idlers {
		if idlers[i], err = net.Dial("tcp", local.Switchd.At.Gateway); err != nil {
			t.Fatalf("connection %d: %v", i+1, err)
		}
		defer idlers[i].Close()
	}
	gateways, err := clients.Dial(ctx, local.Switchd.At.Gateway, 1, askers)
	if err != nil {
		t.Fatal(err)
	}
	defer clients.CloseAll(gateways)
	// One after the other says something, while others work.
	payments := loadgen.Payments{Op: api.OpAuthorize, Run: "idle-", Cards: loadgen.NewCards(time.Now())}
	var asking sync.WaitGroup
	for w := range askers {
		asking.Go(func() {
			for i := w; i < idle; i += askers {
				var req api.Request
				payments.Fill(uint64(i), &req)
				a, err := gateways[0].Do(ctx, &req)
				if err != nil || a.Err != nil || !a.Approved {
					t.Errorf("authorization %d beside idle connections: %+v, %v", i+1, a, err)
					return
				}
				if err := ping(idlers[i]); err != nil {
					t.Errorf("ping on connection %d: %v", i+1, err)
					return
				}
			}
		})
	}
	asking.Wait()
	if mib := local.Switchd.PeakMiB(); mib > demo.MemoryLimitMiB {
		t.Errorf("switchd needed %.0f MiB, expected at most %d", mib, demo.MemoryLimitMiB)
	} else {
		t.Logf("switchd needed %.0f MiB at most", mib)
	}
	if err := local.Stop(); err != nil {
		t.Error(err)
	}
}

// ping asks on a connection that has said nothing yet, and reads the answer.
func ping(c net.Conn) error {
	if err := c.SetDeadline(time.Now().Add(5 * time.Minute)); err != nil {
		return err
	}
	if _, err := c.Write([]byte("{\"id\":\"1\",\"op\":\"ping\"}\n")); err != nil {
		return err
	}
	var answer [256]byte
	n, err := c.Read(answer[:])
	if err == nil && !strings.Contains(string(answer[:n]), `"op":"ping"`) {
		err = errors.New("answered " + string(answer[:n]))
	}
	return err
}

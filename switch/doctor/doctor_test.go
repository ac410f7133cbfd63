package doctor_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"switchyard/internal/pan"
	"switchyard/switch/doctor"
	"switchyard/switch/operator/client"
	"switchyard/switch/switchtest"
)

var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// healthy is a machine on which nothing is wrong, and where nobody listens.
func healthy() *doctor.Machine {
	return &doctor.Machine{
		Now: func() time.Time { return noon }, Synchronized: func() bool { return true },
		Disk: func(string) (doctor.Disk, error) {
			return doctor.Disk{Kind: "ext4", FreeBytes: 50 << 30, TotalBytes: 100 << 30, FreeInodes: 900, TotalInodes: 1000}, nil
		},
		Syncs: func(context.Context, string, int) ([]time.Duration, error) {
			return []time.Duration{900 * time.Microsecond, time.Millisecond, 4 * time.Millisecond}, nil
		},
		Limits:    func() doctor.Limits { return doctor.Limits{Files: 1 << 20} },
		Dial:      refuse,
		Addresses: func() ([]net.Addr, error) { return nil, nil },
	}
}

func refuse(context.Context, string, string) (net.Conn, error) {
	return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
}

// nobody is an operator API that is not there.
func nobody() *client.Client {
	return client.Over("127.0.0.1:1", &http.Client{Transport: &http.Transport{DialContext: refuse}})
}

// system is what a test looks at: a folder with a configuration, and the machine under it.
type system struct {
	dir, config, data string
	machine           *doctor.Machine
	api               *client.Client
}

func newSystem(t *testing.T, yaml string) *system {
	t.Helper()
	dir := t.TempDir()
	s := &system{
		dir: dir, config: filepath.Join(dir, "switchd.yaml"), data: filepath.Join(dir, "data"), machine: healthy(),
		api: nobody(),
	}
	s.write(t, s.config, yaml, 0o600)
	return s
}

func (s *system) write(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
}

func key(t *testing.T) string {
	t.Helper()
	text, err := pan.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// expect runs the doctor and holds a check against what a line of it begins with and has in it.
func (s *system) expect(t *testing.T, name string, status doctor.Status, has ...string) {
	t.Helper()
	report := doctor.New(s.config, s.data, s.machine).Run(t.Context(), s.api)
	for _, c := range report.Checks {
		if c.Name != name {
			continue
		}
		if c.Status != status {
			t.Errorf("%s is %s, want %s: %s; %s", name, c.Status, status, c.Saw, c.Do)
		}
		for _, want := range has {
			if !strings.Contains(c.Saw+"; "+c.Do, want) {
				t.Errorf("%s: %q; %q, want %q in it", name, c.Saw, c.Do, want)
			}
		}
		if report.OK && status == doctor.Fail {
			t.Errorf("%s fails, and the report is ok", name)
		}
		return
	}
	t.Errorf("%s was not looked at: %+v", name, report.Checks)
}

// Before the first start nothing is there, and nothing is wrong. The one thing to look at is that no switch runs.
func TestBeforeTheFirstStart(t *testing.T) {
	s := newSystem(t, "")
	report := doctor.New(s.config, s.data, s.machine).Run(t.Context(), s.api)
	var out bytes.Buffer
	if err := report.WriteText(&out); err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer("DIR", s.dir).Replace(`ok    config         DIR/switchd.yaml: issuers: 1, merchants in a file: 0
ok    key            none yet: the first start makes DIR/data/switchd.key
ok    certificates   none is configured
ok    data           DIR/data is not there: the first start makes it
ok    disk           DIR: 50.0 GiB free of 100.0
ok    file system    DIR is on ext4
ok    sync           DIR: a sync takes 1ms, 4ms at most, of 3
ok    clock          a time service keeps it
ok    gateway port   127.0.0.1:7583 is free
ok    operator port  127.0.0.1:9583 is free
ok    open files     a process of this shell may have 1048576; a switch with all its connections has 21200
ok    core files     none are written
warn  switch         127.0.0.1:1: nothing listens there; expected the operator API of switchd: is it running, and at this ` +
		`address?; start it, or name where it is with --operator: links, queue and dates were not looked at

12 ok, 1 to look at, 0 wrong
`)
	if out.String() != want || !report.OK {
		t.Errorf("%s\nwant\n%s", &out, want)
	}
}

func TestConfigurationThatIsWrong(t *testing.T) {
	s := newSystem(t, "gateway: {listenn: x}\n")
	s.expect(t, "config", doctor.Fail, "listenn")
	s.config = filepath.Join(s.dir, "none.yaml")
	s.expect(t, "config", doctor.Fail, "none.yaml")
	s.expect(t, "clock", doctor.OK) // what needs no configuration is looked at all the same
}

func TestKey(t *testing.T) {
	s := newSystem(t, "")
	s.write(t, filepath.Join(s.data, "switchd.key"), key(t), 0o600)
	s.expect(t, "key", doctor.OK, "switchd.key is readable")
	s.write(t, filepath.Join(s.data, "switchd.key"), key(t), 0o644)
	s.expect(t, "key", doctor.Fail, "chmod 600")
	s.write(t, filepath.Join(s.data, "switchd.key"), "no key", 0o600)
	s.expect(t, "key", doctor.Fail, "switchd.key: ")
	if err := os.Rename(filepath.Join(s.data, "switchd.key"), filepath.Join(s.data, "CURRENT")); err != nil {
		t.Fatal(err)
	}
	s.expect(t, "key", doctor.Fail, "is not empty", "set key.file")

	named := newSystem(t, "key: {file: card.key}\n")
	named.expect(t, "key", doctor.Fail, "card.key", "no such file")
	named.write(t, filepath.Join(named.dir, "card.key"), key(t), 0o600)
	named.expect(t, "key", doctor.OK, "card.key is readable")
}

func TestDataFolder(t *testing.T) {
	s := newSystem(t, "")
	for mode, want := range map[os.FileMode]doctor.Status{0o700: doctor.OK, 0o755: doctor.Warn, 0o777: doctor.Fail} {
		if err := errors.Join(os.MkdirAll(s.data, 0o700), os.Chmod(s.data, mode)); err != nil {
			t.Fatal(err)
		}
		s.expect(t, "data", want, fmt.Sprintf("%04o", mode))
	}
}

func TestDisk(t *testing.T) {
	s := newSystem(t, "limits: {disk_reserve_mib: 1024}\n")
	disk := doctor.Disk{Kind: "ext4", FreeBytes: 50 << 30, TotalBytes: 100 << 30, FreeInodes: 900, TotalInodes: 1000}
	for _, c := range []struct {
		change func(*doctor.Disk)
		check  string
		want   doctor.Status
		has    string
	}{
		{func(*doctor.Disk) {}, "disk", doctor.OK, "50.0 GiB free of 100.0"},
		{func(d *doctor.Disk) { d.FreeBytes = 5 << 30 }, "disk", doctor.Warn, "refused below 1024 MiB; make room"},
		{func(d *doctor.Disk) { d.FreeBytes = 1<<30 - 1 }, "disk", doctor.Fail, "refused below 1024 MiB"},
		{func(d *doctor.Disk) { d.FreeInodes = 9 }, "disk", doctor.Warn, "room for 9 files only"},
		{func(d *doctor.Disk) { d.FreeInodes, d.TotalInodes = 0, 0 }, "disk", doctor.OK, "free"}, // btrfs counts none
		{func(d *doctor.Disk) { d.Kind = "tmpfs" }, "file system", doctor.Warn, "is on tmpfs: it is in memory"},
		{func(d *doctor.Disk) { d.Kind = "nfs" }, "file system", doctor.Warn, "another machine's"},
		{func(d *doctor.Disk) { d.Kind = "overlay" }, "file system", doctor.Warn, "mount a volume"},
		{func(d *doctor.Disk) { d.Kind = "" }, "file system", doctor.OK, "not known"},
	} {
		changed := disk
		c.change(&changed)
		s.machine.Disk = func(dir string) (doctor.Disk, error) {
			if dir != s.dir {
				t.Errorf("it looks at %s, want %s, the nearest folder that is there", dir, s.dir)
			}
			return changed, nil
		}
		s.expect(t, c.check, c.want, c.has)
	}
	s.machine.Disk = func(string) (doctor.Disk, error) { return doctor.Disk{}, errors.New("not told") }
	s.expect(t, "disk", doctor.Warn, "not told")
}

func TestSyncs(t *testing.T) {
	s := newSystem(t, "")
	took := func(d []time.Duration, err error) {
		s.machine.Syncs = func(context.Context, string, int) ([]time.Duration, error) { return d, err }
	}
	took([]time.Duration{30 * time.Millisecond, 20 * time.Millisecond, time.Millisecond}, nil)
	s.expect(t, "sync", doctor.Warn, "a sync takes 20ms, 30ms at most, of 3; each payment waits for two")
	took(nil, nil)
	s.expect(t, "sync", doctor.Warn, "no sync was done within 2s")
	took(nil, os.ErrPermission)
	s.expect(t, "sync", doctor.Warn, "not measured: permission denied")
}

func TestClock(t *testing.T) {
	s := newSystem(t, "limits: {clock_leap: 2h}\n")
	written := func(at time.Time) {
		name := filepath.Join(s.data, "journal", "000001.log")
		s.write(t, name, "", 0o600)
		s.write(t, filepath.Join(s.data, "switchd.key"), key(t), 0o600)
		if err := os.Chtimes(name, at, at); err != nil {
			t.Fatal(err)
		}
	}
	s.expect(t, "clock", doctor.OK)
	written(noon.Add(-3 * time.Hour))
	s.expect(t, "clock", doctor.OK)
	s.machine.Synchronized = func() bool { return false }
	s.expect(t, "clock", doctor.Warn, "at 2026-11-27T09:00:00Z: the switch will start in doubt", "switchctl clock confirm")
	written(noon.Add(-time.Hour))
	s.expect(t, "clock", doctor.Warn, "nothing keeps it right", "chronyd")
	written(noon.Add(2 * time.Minute))
	s.expect(t, "clock", doctor.Fail, "it shows 2026-11-27T12:00:00Z, and the journal was written at 2026-11-27T12:02:00Z")
}

func TestPorts(t *testing.T) {
	s := newSystem(t, "issuers: [{name: visa, listen: '192.0.2.7:8600', from: ['192.0.2.0/24']}]\n")
	const name = "port of issuer visa"
	s.expect(t, name, doctor.Fail, "192.0.2.7:8600: no interface of this machine")
	s.machine.Addresses = func() ([]net.Addr, error) {
		return []net.Addr{&net.IPNet{IP: net.IPv4(192, 0, 2, 7), Mask: net.CIDRMask(24, 32)}}, nil
	}
	s.expect(t, name, doctor.OK, "192.0.2.7:8600 is free")
	s.machine.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if network != "tcp" || address != "192.0.2.7:8600" {
			return refuse(ctx, network, address)
		}
		here, away := net.Pipe()
		return here, away.Close()
	}
	s.expect(t, name, doctor.Fail, "another program listens there", "ss -ltnp")
	s.expect(t, "gateway port", doctor.OK, "127.0.0.1:7583 is free")
	s.expect(t, "operator port", doctor.OK, "127.0.0.1:9583 is free")
	s.machine.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, os.ErrDeadlineExceeded }
	s.expect(t, name, doctor.Warn, "cannot be told whether it is free")
}

func TestSocket(t *testing.T) {
	s := newSystem(t, "operator: {socket: op.sock}\n")
	const name = "operator socket"
	s.expect(t, name, doctor.OK, "op.sock: nobody listens there")
	s.machine.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if network != "unix" {
			return refuse(ctx, network, address)
		}
		here, away := net.Pipe()
		return here, away.Close()
	}
	s.expect(t, name, doctor.Warn, "no switch was reached", "--operator unix:")
}

func TestCertificates(t *testing.T) {
	s := newSystem(t, "gateway: {tls: {certificate: port.pem, key: port.key}}\n")
	const name = "certificates"
	s.expect(t, name, doctor.Fail, "gateway.tls: ", "port.pem")
	for days, want := range map[int]doctor.Status{-1: doctor.Fail, 10: doctor.Warn, 100: doctor.OK} {
		end := noon.AddDate(0, 0, days)
		s.certificate(t, end)
		s.expect(t, name, want, "that of gateway.tls", "on "+end.Format(time.DateOnly))
	}
	if err := os.Chmod(filepath.Join(s.dir, "port.key"), 0o644); err != nil {
		t.Fatal(err)
	}
	s.expect(t, name, doctor.Fail, "port.key: its mode is 0644")
}

// certificate makes one that ends then, with its key.
func (s *system) certificate(t *testing.T, end time.Time) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	of := x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: end.AddDate(-1, 0, 0), NotAfter: end}
	made, err := x509.CreateCertificate(rand.Reader, &of, &of, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	pemOf := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	s.write(t, filepath.Join(s.dir, "port.pem"), pemOf("CERTIFICATE", made), 0o600)
	s.write(t, filepath.Join(s.dir, "port.key"), pemOf("PRIVATE KEY", der), 0o600)
}

func TestLimits(t *testing.T) {
	s := newSystem(t, "gateway: {max_connections: 5000}\n")
	s.machine.Limits = func() doctor.Limits { return doctor.Limits{Files: 4096, Core: 1} }
	s.expect(t, "open files", doctor.Warn, "may have 4096, and with all its connections a switch has 6200", "LimitNOFILE")
	s.expect(t, "core files", doctor.Warn, "ulimit -c 0")
}

func TestWhereTheOperatorAPIIs(t *testing.T) {
	for yaml, want := range map[string]string{
		"":                                       "127.0.0.1:9583",
		"operator: {listen: '127.0.0.1:9000'}\n": "127.0.0.1:9000",
		"operator: {socket: op.sock}\n":          "unix:DIR/op.sock",
		"operator: {listen: '127.0.0.1:0'}\n":    "",
		"nonsense: 1\n":                          "",
	} {
		s := newSystem(t, yaml)
		if got := doctor.New(s.config, "", s.machine).Operator(); got != strings.ReplaceAll(want, "DIR", s.dir) {
			t.Errorf("%q: %q, want %q", yaml, got, want)
		}
	}
}

// A switch that runs tells how it does.
func TestRunning(t *testing.T) {
	s := newSystem(t, "")
	running := switchtest.Start(t, switchtest.Options{})
	s.api = client.New(running.OperatorAddr)
	s.machine.Now = time.Now
	s.expect(t, "switch", doctor.OK, "ready, business date 20")
	s.expect(t, "links of issuer", doctor.OK, "are up")
	s.expect(t, "queue", doctor.OK, "empty")
	s.expect(t, "dates", doctor.OK)
	s.expect(t, "gateway port", doctor.Warn, "nothing listens there, and the switch runs")
	s.machine.Now = func() time.Time { return time.Now().Add(time.Hour) }
	s.expect(t, "clock", doctor.Warn, "is it on another machine?")
	running.StopIssuer()
	running.Await("a switch that is not ready", func() bool {
		why, err := running.API().Unready(t.Context())
		return err == nil && why != ""
	})
	s.expect(t, "switch", doctor.Fail, "no link to any of its issuers is signed on")
	s.expect(t, "links of issuer", doctor.Fail, "none of ")
}

// answering is the operator API of a switch that is not well.
func answering(t *testing.T, paths map[string]string) *client.Client {
	t.Helper()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, known := paths[r.URL.Path]
		if !known {
			w.WriteHeader(http.StatusUnauthorized)
			text = `{"error":"who asks is not known"}`
		} else if strings.HasPrefix(text, "503 ") {
			w.WriteHeader(http.StatusServiceUnavailable)
			text = strings.TrimPrefix(text, "503 ")
		}
		fmt.Fprint(w, text)
	}))
	t.Cleanup(api.Close)
	return client.New(strings.TrimPrefix(api.URL, "http://"))
}

func TestSick(t *testing.T) {
	s := newSystem(t, "")
	s.api = answering(t, nil)
	s.expect(t, "switch", doctor.Warn, "who asks is not known", "--token-file")
	at := noon.Format(time.RFC3339)
	s.api = answering(t, map[string]string{
		"/v1/stats": `{"clearing_dir":"c","open_day":"2026-11-27","held":true,"saf":{"queued":3,"parked":2},"links":{
			"visa":[{"link":"1","state":"up"},{"link":"2","state":"down"}]}}`,
		"/readyz":  `503 {"error":"held until an operator confirms it"}`,
		"/v1/days": `[{"date":"2026-11-26","state":"sealed","problem":"no room"},{"date":"2026-11-27","state":"open"}]`,
		"/v1/clock": `{"wall":"` + at + `","now":"` + at + `","confirmed":"` + at + `",
			"warning":"the clock shows another time; confirm it"}`,
		"/metrics": "# TYPE process_max_fds gauge\nprocess_max_fds 1024\n# TYPE process_open_fds gauge\nprocess_open_fds 7\n",
	})
	s.expect(t, "switch", doctor.Fail, "it is held: 503 held until", "switchctl restore review")
	s.expect(t, "links of visa", doctor.Warn, "1 of 2 are up")
	s.expect(t, "queue", doctor.Warn, "2 advices wait for a person, 3 for their host", "switchctl saf list --parked")
	s.expect(t, "dates", doctor.Fail, "2026-11-26, sealed: no room", "switchctl days")
	s.expect(t, "clock", doctor.Fail, "the clock shows another time")
	s.expect(t, "open files", doctor.Warn, "the switch may have 1024")
}

// What a machine says of itself can be asked, and a sync leaves nothing in the folder.
func TestThisMachine(t *testing.T) {
	m, dir := doctor.ThisMachine(), t.TempDir()
	if d, err := m.Disk(dir); err != nil || d.TotalBytes == 0 || d.FreeBytes > d.TotalBytes {
		t.Errorf("%+v, %v", d, err)
	}
	if took, err := m.Syncs(t.Context(), dir, 3); errors.Is(err, syscall.EOPNOTSUPP) {
		t.Log(err) // a file system that has no files without a name
	} else if err != nil || len(took) != 3 {
		t.Errorf("%v, %v", took, err)
	}
	if _, err := m.Syncs(t.Context(), filepath.Join(dir, "none"), 3); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("%v, %v", entries, err)
	}
	if m.Limits().Files == 0 {
		t.Error("no limit of files")
	}
}

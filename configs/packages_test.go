package configs_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// units are those of the packages, with the binary that each starts.
var units = map[string]string{
	"packages/switchyard/switchd.service":    "/usr/bin/switchd",
	"packages/issuer-sim/issuer-sim.service": "/usr/bin/issuer-sim",
}

// What the packages put into /etc is read by the daemons as it is.
func TestPackagedConfigurations(t *testing.T) {
	name := "packages/switchyard/switchd.yaml"
	c := parseSwitchd(t, name, load(t, name))
	if want := "/var/lib/switchyard/"; !strings.HasPrefix(c.Data, want) {
		t.Errorf("%s: data is %s, which is not below %s: the unit lets it write nowhere else", name, c.Data, want)
	}
	if want := "switchd.key"; c.Key.File != want {
		t.Errorf("%s: the key is %q; the package makes %q", name, c.Key.File, want)
	}
	name = "packages/issuer-sim/issuer-sim.yaml"
	if got, want := parseIssuer(t, name, load(t, name)).Data, "/var/lib/issuer-sim"; got != want {
		t.Errorf("%s: data is %s, expected %s, which the unit makes", name, got, want)
	}
}

// restraints are lines that each unit has: a process that somebody has taken over gets no further.
var restraints = []string{
	"NoNewPrivileges=yes", "CapabilityBoundingSet=", "ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes",
	"PrivateDevices=yes", "MemoryDenyWriteExecute=yes", "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
	"RestrictNamespaces=yes", "RestrictSUIDSGID=yes", "SystemCallArchitectures=native",
	"SystemCallFilter=@system-service", "SystemCallFilter=~@privileged @resources", "LimitCORE=0", "LimitNOFILE=65536",
	"UMask=0077",
}

func TestUnitsRestrain(t *testing.T) {
	for name, binary := range units {
		lines := strings.Split(string(load(t, name)), "\n")
		for _, want := range restraints {
			if !slices.Contains(lines, want) {
				t.Errorf("%s lacks %s", name, want)
			}
		}
		if !slices.Contains(lines, "User=switchyard") && !slices.Contains(lines, "DynamicUser=yes") {
			t.Errorf("%s runs as root", name)
		}
		starts := "ExecStart=" + binary + " serve "
		if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, starts) }) {
			t.Errorf("%s does not start %s", name, binary)
		}
	}
}

// systemd reads the units without a warning, and finds little that they leave open: 0 is nothing, 10 all of a machine.
func TestUnitsWithSystemd(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("there is no systemd-analyze")
	}
	for name, binary := range units {
		// The binaries need not be installed where this is tested.
		copied := filepath.Join(t.TempDir(), filepath.Base(name))
		text := strings.ReplaceAll(string(load(t, name)), "ExecStart="+binary, "ExecStart=/bin/sh")
		if err := os.WriteFile(copied, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if text, err := exec.Command(analyze, "verify", "--man=no", copied).CombinedOutput(); err != nil ||
			strings.Contains(string(text), filepath.Base(name)) {
			t.Errorf("systemd-analyze verify %s: %v\n%s", name, err, text)
		}
		text2, err := exec.Command(analyze, "security", "--offline=true", "--threshold=15", copied).CombinedOutput()
		if strings.Contains(string(text2), "unrecognized option") {
			t.Logf("this systemd-analyze is too old for --offline: %s", text2)
			continue
		}
		if err != nil {
			t.Errorf("systemd-analyze security %s: more than 1.5 is exposed\n%s", name, text2)
		}
	}
}

// root is a folder that a package's scripts take for /, with commands that change nothing outside of it.
type root struct {
	t    *testing.T
	dir  string
	path string // of the commands that stand in for those of the machine
}

func newRoot(t *testing.T) *root {
	r := &root{t: t, dir: t.TempDir(), path: t.TempDir()}
	for _, dir := range []string{"etc/switchyard", "var/lib/switchyard", "usr/bin"} {
		if err := os.MkdirAll(filepath.Join(r.dir, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"chown", "systemctl"} {
		r.script(filepath.Join(r.path, name), "exit 0")
	}
	r.script(filepath.Join(r.dir, "usr/bin/switchd"), `[ "$1" = keygen ] && [ ! -e "$2" ] && echo made > "$2"`)
	return r
}

func (r *root) script(name, text string) {
	r.t.Helper()
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		r.t.Fatal(err)
	}
}

// run runs a script of the package switchyard as dpkg or rpm does, and returns what it says.
func (r *root) run(script string, args ...string) string {
	r.t.Helper()
	c := exec.Command("sh", append([]string{filepath.Join("packages", "switchyard", script)}, args...)...)
	c.Env = append(os.Environ(), "DPKG_ROOT="+r.dir, "PATH="+r.path+string(filepath.ListSeparator)+os.Getenv("PATH"))
	text, err := c.CombinedOutput()
	if err != nil {
		r.t.Fatalf("%s %s: %v\n%s", script, args, err, text)
	}
	return string(text)
}

// key is what is in the key file, "" where there is none.
func (r *root) key() string {
	text, err := os.ReadFile(filepath.Join(r.dir, "etc/switchyard/switchd.key"))
	if err != nil && !os.IsNotExist(err) {
		r.t.Fatal(err)
	}
	return string(text)
}

func (r *root) write(name, text string) {
	r.t.Helper()
	name = filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// The key is made by the first installation alone, of a .deb as of an .rpm. One that is there is never replaced, none
// is made where something was sealed with another, and nothing removes it.
func TestKeyOfAPackage(t *testing.T) {
	const key = "etc/switchyard/switchd.key"
	for name, of := range map[string]struct{ first, upgrade, removal []string }{
		"deb": {[]string{"configure", ""}, []string{"configure", "1.0"}, []string{"purge"}},
		"rpm": {[]string{"1"}, []string{"2"}, []string{"0"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoot(t)
			if said := r.run("postinstall.sh", of.first...); r.key() != "made\n" || !strings.Contains(said, "keep a copy") {
				t.Errorf("first installation: the key is %q; said was\n%s", r.key(), said)
			}
			info, err := os.Stat(filepath.Join(r.dir, key))
			if err != nil || info.Mode().Perm() != 0o640 {
				t.Errorf("the key's mode: %v, %v; expected 0640", info.Mode(), err)
			}
			r.write(key, "theirs")
			r.run("postinstall.sh", of.upgrade...)
			r.run("postinstall.sh", of.first...)
			said := r.run("postremove.sh", of.removal...)
			if r.key() != "theirs" || !strings.Contains(said, "/etc/switchyard/switchd.key is kept") {
				t.Errorf("after an upgrade, another installation and a removal the key is %q; said was\n%s", r.key(), said)
			}

			r = newRoot(t)
			r.run("postinstall.sh", of.upgrade...)
			if r.key() != "" {
				t.Errorf("an upgrade made the key %q", r.key())
			}
			r.write("var/lib/switchyard/switchd-data/journal/LOCK", "")
			if said := r.run("postinstall.sh", of.first...); r.key() != "" || !strings.Contains(said, "put it back") {
				t.Errorf("beside data that another key sealed: the key is %q; said was\n%s", r.key(), said)
			}
		})
	}
}

// content is a file of a package, as nFPM has it.
type content struct {
	Source      string `yaml:"src"`
	Destination string `yaml:"dst"`
	Type        string `yaml:"type"`
	Expand      bool   `yaml:"expand"`
	Info        struct {
		Mode fs.FileMode `yaml:"mode"`
	} `yaml:"file_info"`
}

// What the packages name is there, with a mode of its own: that of a checkout is its user's umask. Each has its licence
// and those of the modules in it, configuration is not overwritten, and there is no key in it.
func TestPackagesHoldWhatThereIs(t *testing.T) {
	for _, name := range []string{"switchyard", "switchyard-issuer-sim"} {
		var of struct {
			Contents []content         `yaml:"contents"`
			Scripts  map[string]string `yaml:"scripts"`
		}
		if err := yaml.Unmarshal(load(t, "packages/"+name+".yaml"), &of); err != nil {
			t.Fatal(err)
		}
		var destinations []string
		for _, c := range of.Contents {
			destinations = append(destinations, c.Destination)
			if c.Info.Mode == 0 || c.Info.Mode&0o022 != 0 {
				t.Errorf("%s: the mode of %s is %v", name, c.Destination, c.Info.Mode)
			}
			if strings.HasPrefix(c.Destination, "/etc/") && c.Type != "config|noreplace" && c.Type != "dir" {
				t.Errorf("%s: %s is not configuration, and an upgrade overwrites it", name, c.Destination)
			}
			if regexp.MustCompile(`\.(key|pem)$`).MatchString(c.Source + c.Destination) {
				t.Errorf("%s ships %s", name, c.Destination)
			}
			if c.Expand || c.Type == "dir" { // made by `make dist`
				continue
			}
			if found, err := filepath.Glob(filepath.Join("..", c.Source)); err != nil || len(found) == 0 {
				t.Errorf("%s: there is no %s (%v)", name, c.Source, err)
			}
		}
		for _, want := range []string{"LICENSE", "NOTICES"} {
			if want = "/usr/share/doc/" + name + "/" + want; !slices.Contains(destinations, want) {
				t.Errorf("%s lacks %s", name, want)
			}
		}
		for _, script := range of.Scripts {
			if text, err := exec.Command("sh", "-n", filepath.Join("..", script)).CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", script, err, text)
			}
		}
	}
}

// The compose file names files and stages that there are. Its containers have a root that is read-only, no capability
// and no way to one, listen on loopback alone, and images of others are named by version.
func TestCompose(t *testing.T) {
	var file struct {
		Services map[string]struct {
			Image    string   `yaml:"image"`
			Build    any      `yaml:"build"`
			ReadOnly bool     `yaml:"read_only"`
			Drop     []string `yaml:"cap_drop"`
			Security []string `yaml:"security_opt"`
			Volumes  []string `yaml:"volumes"`
			Ports    []string `yaml:"ports"`
		} `yaml:"services"`
		Volumes map[string]any `yaml:"volumes"`
	}
	if err := yaml.Unmarshal(load(t, "../compose.yaml"), &file); err != nil {
		t.Fatal(err)
	}
	stages := string(load(t, "../Dockerfile"))
	for _, name := range []string{"switchd", "issuer-sim", "prometheus", "grafana"} {
		s, is := file.Services[name]
		if !is {
			t.Errorf("there is no %s", name)
			continue
		}
		if !s.ReadOnly || !slices.Contains(s.Drop, "ALL") || !slices.Contains(s.Security, "no-new-privileges:true") {
			t.Errorf("%s is not restrained: %+v", name, s)
		}
		if len(s.Ports) > 0 {
			t.Errorf("%s is published at %v", name, s.Ports)
		}
		if s.Build == nil && !regexp.MustCompile(`:v?\d+\.\d+\.\d+$`).MatchString(s.Image) {
			t.Errorf("%s is of whatever version: %s", name, s.Image)
		}
		if build, is := s.Build.(map[string]any); is && !strings.Contains(stages, " AS "+build["target"].(string)+"\n") {
			t.Errorf("%s is built from %v, which is no stage of Dockerfile", name, build["target"])
		}
		for _, v := range s.Volumes {
			from, _, _ := strings.Cut(v, ":")
			if !strings.HasPrefix(from, ".") {
				if _, is := file.Volumes[from]; !is {
					t.Errorf("%s mounts %s, which is no volume", name, from)
				}
				continue
			}
			if info, err := os.Stat(filepath.Join("..", from)); err != nil || !info.IsDir() {
				t.Errorf("%s mounts %s: %v", name, from, err)
			}
		}
	}
}

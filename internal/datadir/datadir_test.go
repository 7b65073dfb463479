package datadir_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gyro/internal/datadir"
)

// holderEnv makes the test binary a second process that holds a directory.
const holderEnv = "GYRO_TEST_HOLD_DATADIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(holderEnv); dir != "" {
		if _, err := datadir.Open(dir, datadir.Options{Create: true}); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("held")
		_, _ = io.Copy(io.Discard, os.Stdin) // until the parent is done
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func tree(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s %v %d\n", path, info.Mode(), info.Size())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestCreateAndReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b")
	if _, err := datadir.Open(path, datadir.Options{}); !errors.Is(err, datadir.ErrMissing) {
		t.Fatalf("without Create: %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Fatal("Open without Create made the directory")
	}
	for range 3 {
		d, err := datadir.Open(path, datadir.Options{Create: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, sub := range []string{d.Journal(), d.State()} {
			if info, err := os.Stat(sub); err != nil || !info.IsDir() {
				t.Fatalf("%s: %v", sub, err)
			}
		}
		if free, err := d.Free(); err != nil || free == 0 {
			t.Fatalf("Free: %d, %v", free, err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if b, err := os.ReadFile(filepath.Join(path, "FORMAT")); err != nil || string(b) != "gyro-data 1\n" {
		t.Fatalf("FORMAT: %q, %v", b, err)
	}
	if d, err := datadir.Open(path, datadir.Options{}); err != nil {
		t.Fatal(err)
	} else if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestInUseByAnotherProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	holder := exec.Command(os.Args[0])
	holder.Env = append(os.Environ(), holderEnv+"="+path)
	stdin, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || line != "held\n" {
		t.Fatalf("holder: %q, %v", line, err)
	}
	_, err = datadir.Open(path, datadir.Options{})
	want := fmt.Sprintf("data directory %s is in use by process %d; stop it or choose another with --data", path, holder.Process.Pid)
	if !errors.Is(err, datadir.ErrInUse) || err.Error() != want {
		t.Fatalf("got  %v\nwant %s", err, want)
	}
	// A process that is killed leaves the LOCK file, but not the lock.
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = stdin.Close()
	_ = holder.Wait()
	d, err := datadir.Open(path, datadir.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestRefusalsChangeNothing(t *testing.T) {
	for _, c := range []struct {
		name  string
		setup func(dir string)
		opts  datadir.Options
		want  error
		says  string
	}{
		{
			"newer format", func(dir string) { write(t, dir+"/FORMAT", "gyro-data 2\n") },
			datadir.Options{Create: true},
			datadir.ErrNewerFormat, "written by a newer gyro (format 2, this binary knows up to 1); upgrade gyro",
		},
		{
			"somebody else's files", func(dir string) { write(t, dir+"/thesis.doc", "x") },
			datadir.Options{Create: true},
			datadir.ErrNotOurs, "thesis.doc",
		},
		{
			"somebody else's FORMAT", func(dir string) { write(t, dir+"/FORMAT", "7") },
			datadir.Options{Create: true},
			datadir.ErrNotOurs, `reads "7"`,
		},
		{
			"a huge FORMAT", func(dir string) { write(t, dir+"/FORMAT", strings.Repeat("x", 1000)) },
			datadir.Options{Create: true},
			datadir.ErrNotOurs, "no format file",
		},
		{"empty, not to be created", func(string) {}, datadir.Options{}, datadir.ErrMissing, "it is empty"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			c.setup(dir)
			before := tree(t, dir)
			_, err := datadir.Open(dir, c.opts)
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v, want %v saying %q", err, c.want, c.says)
			}
			if after := tree(t, dir); after != before {
				t.Fatalf("the refused directory changed:\n%s\n%s", before, after)
			}
		})
	}
}

func TestDiskFull(t *testing.T) {
	_, err := datadir.Open(filepath.Join(t.TempDir(), "d"), datadir.Options{Create: true, MinFree: math.MaxUint64 / 2})
	if !errors.Is(err, datadir.ErrDiskFull) || !strings.Contains(err.Error(), "--data") {
		t.Fatal(err)
	}
}

// TestInterruptedCreation: a start that died before FORMAT was written leaves a
// directory that the next start completes.
func TestInterruptedCreation(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/LOCK", "12345\n")
	write(t, dir+"/FORMAT.new", "gyro-da")
	d, err := datadir.Open(dir, datadir.Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(dir + "/FORMAT"); err != nil || string(b) != "gyro-data 1\n" {
		t.Fatalf("FORMAT: %q, %v", b, err)
	}
}

func TestNotADirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "x")
	if _, err := datadir.Open(file, datadir.Options{Create: true}); err == nil || !strings.Contains(err.Error(), file) {
		t.Fatal(err)
	}
}

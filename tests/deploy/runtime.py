# SPDX-License-Identifier: BSD-2-Clause
"""What a container runtime makes of a pod: an OCI bundle, by the words of the manifest and the defaults of Kubernetes."""
import json
import pathlib
import re

# Of containers/common, by which CRI-O and podman filter system calls; containerd's is made of the same rules.
PROFILE = pathlib.Path("/usr/share/containers/seccomp.json")
# Runtimes since 2022 have these rules, which Debian 12's do not: that is what the manifest says of older ones.
NEWER = {"bpf": "CAP_BPF", "perf_event_open": "CAP_PERFMON"}

# What each container has, whatever it asks for.
MOUNTS = [
    ("proc", "/proc", ["nosuid", "noexec", "nodev"]),
    ("tmpfs", "/dev", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
    ("devpts", "/dev/pts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
    ("tmpfs", "/dev/shm", ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
    ("mqueue", "/dev/mqueue", ["nosuid", "noexec", "nodev"]),
    ("sysfs", "/sys", ["nosuid", "noexec", "nodev", "ro"]),
]
MASKED = ["/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
          "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"]
READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]


def seccomp(capabilities):
    """The default profile, as it comes out for a container with these capabilities."""
    profile = json.loads(PROFILE.read_text())
    rules = []
    for rule in profile["syscalls"]:
        wanted, unwanted = rule.get("includes") or {}, rule.get("excludes") or {}
        names = [name for name in rule["names"] if NEWER.get(name) not in capabilities]
        if (set(wanted.get("caps", [])) <= capabilities and not set(unwanted.get("caps", [])) & capabilities
                and "amd64" in wanted.get("arches", ["amd64"]) and names):
            out = {"names": names, "action": rule["action"], "args": rule.get("args") or []}
            if rule.get("errnoRet") is not None:
                out["errnoRet"] = rule["errnoRet"]
            rules.append(out)
    for name, capability in NEWER.items():
        if capability in capabilities:
            rules.append({"names": [name], "action": "SCMP_ACT_ALLOW", "args": []})
    return {"defaultAction": profile["defaultAction"], "defaultErrnoRet": profile["defaultErrnoRet"],
            "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"], "syscalls": rules}


def allowed(profile):
    """The system calls that such a profile lets through, by whatever arguments."""
    return {name for rule in profile["syscalls"] if rule["action"] == "SCMP_ACT_ALLOW" for name in rule["names"]}


def secret(folder, name, content, mode):
    """A volume as the kubelet writes it: the file is a link into a folder that a link leads to."""
    (folder / "..1").mkdir(parents=True)
    file = folder / "..1" / name
    file.write_text(content)
    file.chmod(mode)
    (folder / "..data").symlink_to("..1")
    (folder / name).symlink_to(f"..data/{name}")
    return folder


def source(folder, volume, token):
    """Where a volume comes from; what the container writes goes into the test's own folder."""
    name = volume["name"]
    if "secret" in volume:
        return secret(folder / name, "token", token, volume["secret"]["defaultMode"])
    if volume["hostPath"]["type"] == "DirectoryOrCreate":
        (folder / name).mkdir(mode=0o755)
        return folder / name
    return pathlib.Path(volume["hostPath"]["path"])


def resources(limits):
    """Of a cgroup: memory in bytes, and time of a processor in each tenth of a second."""
    memory, processor = re.fullmatch(r"(\d+)Mi", limits["memory"]), re.fullmatch(r"(\d+)m", limits["cpu"])
    return {"memory": {"limit": int(memory[1]) << 20},
            "cpu": {"period": 100000, "quota": int(processor[1]) * 100}}


def volume_mount(mount, volume, folder, token):
    read_only = ["rro" if mount.get("recursiveReadOnly") else "ro"] if mount.get("readOnly") else ["rw"]
    return {"type": "bind", "source": str(source(folder, volume, token)), "destination": mount["mountPath"],
            "options": ["rbind", "rprivate", *read_only]}


def bundle(image, folder, manifest, variables, token, profile):
    """FOLDER/config.json of what IMAGE has."""
    built = json.loads((image / "image.json").read_text())["OCIv1"]["config"]
    pod = manifest["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    context = container["securityContext"]
    assert context["capabilities"]["drop"] == ["ALL"]
    assert pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
    capabilities = ["CAP_" + name for name in context["capabilities"]["add"]]
    filled = re.compile(r"\$\((\w+)\)")
    arguments = [filled.sub(lambda match: variables[match[1]], argument) for argument in container["args"]]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    mounts = [{"type": kind, "source": kind, "destination": at, "options": how} for kind, at, how in MOUNTS]
    mounts += [volume_mount(mount, volumes[mount["name"]], folder, token) for mount in container["volumeMounts"]]
    # Not "pid" with hostPID; the network is that of who calls this.
    namespaces = ["mount", "ipc", "uts", "cgroup"] + ([] if pod["hostPID"] else ["pid"])
    config = {
        "ociVersion": "1.0.2",
        "root": {"path": str(image / "rootfs"), "readonly": context["readOnlyRootFilesystem"]},
        "hostname": "node",
        "process": {
            "args": [*built["Entrypoint"], *arguments],
            "cwd": built.get("WorkingDir") or "/",
            "env": [*built["Env"], *(f"{name}={value}" for name, value in variables.items())],
            "user": {"uid": context["runAsUser"], "gid": context["runAsGroup"]},
            "noNewPrivileges": not context["allowPrivilegeEscalation"],
            "capabilities": {kind: capabilities for kind in ("bounding", "effective", "permitted")},
        },
        "mounts": mounts,
        "linux": {
            "namespaces": [{"type": kind} for kind in namespaces],
            "resources": resources(container["resources"]["limits"]),
            "maskedPaths": MASKED,
            "readonlyPaths": READ_ONLY,
            "seccomp": profile or seccomp(set(capabilities)),
        },
    }
    (folder / "config.json").write_text(json.dumps(config, indent=1))

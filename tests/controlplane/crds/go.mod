module fleetglass.test/controlplane/crds

go 1.26.0

require (
	open-cluster-management.io/api v1.0.0
	sigs.k8s.io/cluster-api v1.14.2
	sigs.k8s.io/cluster-inventory-api v0.1.2
)
